//! Processes killed with SIGKILL at any moment: nothing that was acknowledged is lost, nothing is mixed up, nobody
//! waits for the dead, and what they leave behind does not pile up.

mod crash_support;

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use crash_support::ledger::{self, Word};
use crash_support::worker::{self, Workplace};
use crash_support::{STALL, Scene, nap, rounds, wait_until};
use rand::RngExt;
use rustdb_core::record::SessionId;
use rustdb_core::sessions::{Intent, Told};
use rustdb_core::store::Access;
use serde_json::json;

roles! {
    "hold" => hold,
    "half written" => half_written,
    "flush a lot" => flush_a_lot,
    "busy" => busy,
}

/// Four workers, one of which is killed and replaced every few milliseconds.
fn storm_of_kills(scene: &Scene, kills: usize) {
    let ledger = scene.ledger();
    let mut number = 0;
    let mut next = || {
        number += 1;
        (number, scene.start("storm", number))
    };
    let mut workers: Vec<_> = (0..4).map(|_| next()).collect();
    for _ in 0..kills {
        // Some die while they open the store, most at work.
        nap(if rand::rng().random_range(0..4) == 0 { 500 } else { 6000 });
        let victim = rand::rng().random_range(0..workers.len());
        let (number, worker) = workers.swap_remove(victim);
        ledger.doom(number);
        worker.kill();
        workers.push(next());
    }
    ledger.word(Word::Stop).store(1, SeqCst);
    workers.iter_mut().for_each(|(_, worker)| worker.finish());
    print_speed(&ledger, kills);
    scene.audit();
}

fn print_speed(ledger: &ledger::Ledger, kills: usize) {
    let longest = [Word::LongestBegin, Word::LongestCommit].map(|word| Duration::from_nanos(ledger.get(word)));
    println!(
        "      {kills} kills, {} changes, {} reads; longest begin {:.0?}, longest commit {:.0?}",
        ledger.get(Word::Changes),
        ledger.get(Word::Reads),
        longest[0],
        longest[1]
    );
    assert!(longest[0] < STALL && longest[1] < STALL, "somebody stalled");
    assert!(ledger.get(Word::Changes) > 0 && ledger.get(Word::Reads) > 0);
}

#[test]
fn kills_at_random_moments_lose_and_mix_nothing() {
    let scene = Scene::new(24);
    storm_of_kills(&scene, rounds(150, 2500));
}

#[test]
fn kills_lose_nothing_while_the_buffer_is_full_and_makes_room() {
    // 64 sessions of up to 300 KB in 1 MiB: evictions, waiting for the flusher, and payloads that go past the buffer.
    let scene = Scene::new(64).with("buffer", 1 << 20).with("largest", 300_000);
    storm_of_kills(&scene, rounds(40, 400));
}

#[test]
fn kills_lose_nothing_where_requests_write_through() {
    let scene = Scene::new(24).with("through", true);
    storm_of_kills(&scene, rounds(40, 400));
}

#[test]
fn kills_lose_nothing_without_a_buffer() {
    let scene = Scene::new(24).with("buffer", 0);
    storm_of_kills(&scene, rounds(40, 300));
}

/// Takes a session's lock and keeps it.
fn hold(place: &Workplace) {
    let sessions = place.open();
    let held = place.take(&sessions, 0);
    place.ledger.word(Word::Signal).store(1, SeqCst);
    std::thread::sleep(crash_support::HANG);
    place.let_go(&sessions, 0, held);
}

/// Takes a session's lock, writes, and is killed before it lets go.
fn half_written(place: &Workplace) {
    let sessions = place.open();
    let mut held = place.take(&sessions, 0);
    place.change(&sessions, 0, &mut held);
    worker::die();
}

#[test]
fn nobody_waits_for_a_holder_that_was_killed() {
    let scene = Scene::new(1);
    let ledger = scene.ledger();
    for round in 0..rounds(10, 40) {
        ledger.word(Word::Signal).store(0, SeqCst);
        let holder = scene.start("hold", 2 * round + 1);
        wait_until("the holder has the lock", || ledger.get(Word::Signal) == 1);
        // Most of them are asleep in the queue when the holder dies, some only on their way.
        let mut waiter = scene.start("busy", 2 * round + 2);
        nap(60_000);
        ledger.doom(2 * round + 1);
        ledger.word(Word::LongestBegin).store(0, SeqCst);
        let killed = Instant::now();
        holder.kill();
        waiter.finish();
        let waited = killed.elapsed();
        assert!(waited < STALL, "the next one came in {waited:?} after the kill");
    }
    println!("      longest begin of a waiter {:.0?}", Duration::from_nanos(ledger.get(Word::LongestBegin)));
}

/// Changes each session once.
fn busy(place: &Workplace) {
    let sessions = place.open();
    for session in 0..place.sessions {
        let mut held = place.take(&sessions, session);
        place.change(&sessions, session, &mut held);
        place.let_go(&sessions, session, held);
    }
}

#[test]
fn a_write_stays_although_its_writer_was_killed_with_the_lock_in_hand() {
    let scene = Scene::new(1);
    let ledger = scene.ledger();
    for number in 1..=rounds(10, 40) {
        assert!(scene.start("half written", number).ends_killed());
        ledger.doom(number);
        assert_eq!(ledger.account(0).acknowledged(), ledger.account(0).attempted());
        scene.run("audit", json!({}));
    }
    scene.audit();
}

/// Changes every session and brings all of them to the disk; says when it begins with that and when it is done.
fn flush_a_lot(place: &Workplace) {
    let sessions = place.open();
    busy(place);
    place.ledger.word(Word::Signal).store(1, SeqCst);
    sessions.host().collect().unwrap();
    place.ledger.word(Word::Signal).store(2, SeqCst);
    std::thread::sleep(crash_support::HANG);
}

#[test]
fn kills_during_a_flush_lose_nothing() {
    // The background thread stays out of it: the interval is an hour.
    let scene = Scene::new(200).with("flush_ms", 3_600_000).with("largest", 30_000);
    let ledger = scene.ledger();
    let (mut usual, mut midway) = (3000, 0);
    let rounds = rounds(10, 60);
    for number in 1..=rounds {
        ledger.word(Word::Signal).store(0, SeqCst);
        let worker = scene.start("flush a lot", number);
        wait_until("the flush begins", || ledger.get(Word::Signal) >= 1);
        let begun = Instant::now();
        if number == 1 {
            wait_until("the flush is over", || ledger.get(Word::Signal) == 2);
            usual = begun.elapsed().as_micros() as u64;
        } else {
            nap(usual);
        }
        midway += usize::from(ledger.get(Word::Signal) == 1);
        ledger.doom(number);
        worker.kill();
        scene.run("audit", json!({}));
    }
    println!("      {midway} of {rounds} in the middle of a flush, which takes {usual} µs");
    assert!(midway > 0, "no flush was hit");
    scene.audit();
}

#[test]
fn killed_writers_use_up_nothing() {
    // What a killed process had begun to write is in nobody's way, nor are its segments. 1 MiB is soon used up if not.
    let scene = Scene::new(24).with("buffer", 1 << 20).with("largest", 20_000);
    let ledger = scene.ledger();
    let mut storm = scene.start("storm", 1);
    wait_until("the storm has begun", || ledger.get(Word::Changes) > 100);
    for round in 0..rounds(40, 200) {
        let number = 2 + round % 30;
        let victim = scene.start("storm", number);
        nap(20_000);
        ledger.doom(number);
        victim.kill();
    }
    let changes = ledger.get(Word::Changes);
    wait_until("many times the buffer was written", || {
        storm.is_running() && ledger.get(Word::Changes) > changes + 20_000
    });
    ledger.word(Word::Stop).store(1, SeqCst);
    storm.finish();
    print_speed(&ledger, 0);
    scene.audit();
}

#[test]
fn a_stopped_process_keeps_nobody_waiting() {
    // Wherever it is: while it writes an entry, swings a slot, or clears a segment. Only its own sessions wait.
    let scene = Scene::new(200).with("buffer", 1 << 20).with("largest", 20_000).with("lock_wait", 60);
    let ledger = scene.ledger();
    let mut workers: Vec<_> = (1..=3).map(|number| scene.start("storm", number)).collect();
    wait_until("all are at work", || ledger.get(Word::Opened) == 3 && ledger.get(Word::Changes) > 100);
    for round in 0..rounds(30, 200) {
        nap(5_000);
        let stopped = &workers[round % 3];
        stopped.stop();
        let changes = ledger.get(Word::Changes);
        let begun = Instant::now();
        // The others may come to wait for the one session that it has; all but a few rounds go on until then.
        while ledger.get(Word::Changes) < changes + 20 && begun.elapsed() < Duration::from_millis(100) {
            std::thread::sleep(Duration::from_micros(200));
        }
        stopped.signal(libc::SIGCONT);
        wait_until("work goes on", || ledger.get(Word::Changes) > changes + 20);
    }
    ledger.word(Word::Stop).store(1, SeqCst);
    workers.iter_mut().for_each(crash_support::Worker::finish);
    print_speed(&ledger, 0);
    scene.audit();
}

/// A session that is only read keeps its place while its reader is killed; the id says nothing to anybody else.
#[test]
fn the_lock_of_a_killed_process_is_free_at_once() {
    let scene = Scene::new(1);
    let sessions = rustdb_core::sessions::Sessions::open(&crash_support::settings(&scene.job)).unwrap();
    let ledger = scene.ledger();
    for number in 1..=rounds(5, 20) {
        ledger.word(Word::Signal).store(0, SeqCst);
        let holder = scene.start("hold", number);
        wait_until("the holder has the lock", || ledger.get(Word::Signal) == 1);
        ledger.doom(number);
        holder.kill();
        // The kernel lets go of locks before it reports the death, so no waiting is allowed at all.
        let name = ledger::name(0);
        let held = sessions.begin(SessionId::parse(name.as_bytes()).unwrap(), Access::Exclusive).unwrap().unwrap();
        assert_eq!(sessions.release(held).lock_wait, Duration::ZERO);
    }
    let name = ledger::name(0);
    let mut held = sessions.begin(SessionId::parse(name.as_bytes()).unwrap(), Access::Exclusive).unwrap().unwrap();
    sessions.commit(&mut held, Intent::Write(b"0"), 60, &Told::default()).unwrap();
    sessions.release(held);
}
