//! Threads of one process that share a store, as a thread-safe PHP has them: requests, flushes, garbage collection and
//! reports at once. No count is lost under the lock, whoever flushes or makes room meanwhile.

mod crash_support;

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use crash_support::ledger::{self, Word};
use crash_support::worker::{Workplace, tell};
use crash_support::{Scene, nap, rounds, settings};
use rand::RngExt;
use rustdb_core::record::SessionId;
use rustdb_core::sessions::{Intent, Sessions, Told};
use rustdb_core::store::Access;
use serde_json::json;

roles! {
    "threads" => threads,
}

/// Request threads, and threads that do what happens beside requests, until the changes are done.
fn threads(place: &Workplace) {
    // A thread that fails ends the process: the others would wait for its share of the changes for ever.
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(101);
    }));
    let changes = place.count("changes");
    let done = || place.ledger.get(Word::Changes) >= changes;
    std::thread::scope(|scope| {
        let mut all = Vec::new();
        for number in 0..place.count("threads") as usize {
            all.push(scope.spawn(move || {
                let mine = Workplace {
                    job: place.job.clone(),
                    ledger: ledger::Ledger::open(place.text("ledger").as_ref()),
                    number: place.number + number,
                    sessions: place.sessions,
                };
                let sessions = mine.open();
                while !done() {
                    let session = rand::rng().random_range(0..mine.sessions);
                    if rand::rng().random_range(0..4) == 0 {
                        mine.glance(&sessions, session);
                        continue;
                    }
                    let mut held = mine.take(&sessions, session);
                    mine.change(&sessions, session, &mut held);
                    mine.let_go(&sessions, session, held);
                }
                tell(&sessions);
            }));
        }
        all.push(scope.spawn(move || {
            let sessions = place.open();
            while !done() {
                sessions.host().collect().unwrap();
                std::thread::sleep(Duration::from_millis(3));
            }
        }));
        all.push(scope.spawn(move || {
            let sessions = place.open();
            while !done() {
                sessions.host().want_gc();
                let report = sessions.host().report().unwrap();
                if let Some(buffer) = report.buffer {
                    assert!(buffer.entries <= 1000 && buffer.unflushed <= 1000, "{buffer:?}");
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }));
        all.push(scope.spawn(move || expiring(place, &done)));
        for thread in all {
            thread.join().unwrap();
        }
    });
}

/// Sessions that expire at once and come again while the collector is after them: one that was prolonged in time stays.
fn expiring(place: &Workplace, done: &dyn Fn() -> bool) {
    let sessions = Sessions::open(&settings(&place.job)).unwrap();
    let id = |number: usize| format!("expiring-{}-{number}", place.number);
    let mut written: Vec<Option<(Instant, u64)>> = vec![None; 20];
    while !done() {
        let number = rand::rng().random_range(0..written.len());
        let name = id(number);
        let mut held = sessions.begin(SessionId::parse(name.as_bytes()).unwrap(), Access::Exclusive).unwrap().unwrap();
        let payload = held.take_payload().unwrap();
        if let Some((when, lifetime)) = written[number] {
            if when.elapsed() + Duration::from_secs(1) < Duration::from_secs(lifetime) {
                assert_eq!(payload, name.as_bytes(), "session {name} was collected too early");
            }
            // Whole seconds, and one for a clock that was just about to turn.
            if when.elapsed() > Duration::from_secs(lifetime + 2) {
                assert!(!held.exists(), "session {name} outlived its {lifetime} s");
            }
        }
        let lifetime = rand::rng().random_range(1..4);
        sessions.commit(&mut held, Intent::Write(name.as_bytes()), lifetime, &Told::default()).unwrap();
        written[number] = Some((Instant::now(), lifetime as u64));
        sessions.release(held);
        std::thread::sleep(Duration::from_millis(rand::rng().random_range(0..30)));
    }
}

fn run(scene: Scene, threads: usize, changes: u64) {
    run_while(scene, threads, changes, |_| {});
}

/// The same, and calls `meanwhile` every few milliseconds.
fn run_while(scene: Scene, threads: usize, changes: u64, meanwhile: impl Fn(&Scene)) {
    let begun = Instant::now();
    // Two processes with threads, which are each other's strangers.
    let mut workers: Vec<_> = [1, 101]
        .map(|number| scene.start_with("threads", number, json!({"threads": threads, "changes": changes})))
        .into();
    while workers.iter_mut().all(crash_support::Worker::is_running) {
        nap(20_000);
        // Taken away again only when every process has noticed the last time: two removals in a row can cost the
        // changes since the last flush, as docs/operations.md says.
        if !workers.iter().any(|worker| has_a_deleted_buffer(worker.pid())) {
            meanwhile(&scene);
        }
    }
    workers.iter_mut().for_each(crash_support::Worker::finish);
    let ledger = scene.ledger();
    println!(
        "      {} changes, {} reads in {:.1?}; longest begin {:.0?}, longest commit {:.0?}",
        ledger.get(Word::Changes),
        ledger.word(Word::Reads).load(SeqCst),
        begun.elapsed(),
        Duration::from_nanos(ledger.get(Word::LongestBegin)),
        Duration::from_nanos(ledger.get(Word::LongestCommit)),
    );
    scene.audit();
}

/// Whether a process still maps a buffer that was deleted.
fn has_a_deleted_buffer(pid: i32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    maps.lines().any(|line| line.contains("/buffer.mem") && line.ends_with("(deleted)"))
}

#[test]
fn threads_of_two_processes_lose_no_count() {
    run(Scene::new(16).with("flush_ms", 20), 6, rounds(8_000, 60_000) as u64);
}

#[test]
fn threads_lose_no_count_while_the_buffer_grows_and_makes_room() {
    run(
        Scene::new(64).with("flush_ms", 20).with("buffer", 6 << 20).with("largest", 200_000),
        6,
        rounds(2_000, 8_000) as u64,
    );
}

#[test]
fn threads_that_write_through_lose_no_count() {
    run(Scene::new(16).with("through", true), 6, rounds(400, 3_000) as u64);
}

#[test]
fn threads_lose_no_count_without_a_buffer() {
    run(Scene::new(16).with("buffer", 0), 4, rounds(300, 2_000) as u64);
}

#[test]
fn threads_lose_no_count_while_the_buffer_is_removed() {
    run_while(
        Scene::new(64).with("flush_ms", 20).with("largest", 60_000),
        6,
        rounds(4_000, 30_000) as u64,
        Scene::remove_buffer,
    );
}
