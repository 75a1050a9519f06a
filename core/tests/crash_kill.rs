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
use rustdb_core::sessions::Intent;
use rustdb_core::store::Access;
use serde_json::json;

roles! {
    "hold" => hold,
    "half written" => half_written,
    "flush a lot" => flush_a_lot,
    "pinned readers" => pinned_readers,
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

/// Opens the buffer as it lies there, begins many reads, and is killed in the middle of them.
fn pinned_readers(place: &Workplace) {
    let sessions = place.open();
    let path = sessions.host().report().unwrap().buffer.unwrap().path;
    // SAFETY: as LMDB's manual says, one process opens an environment once; this child, a new process, opens it for
    // the first time.
    match unsafe { libc::fork() } {
        0 => {
            let path = std::path::Path::new(&path).join("buffer.mdb");
            let size = std::fs::metadata(&path).unwrap().len() as usize;
            let options = rustdb_core::lmdb::Options { map_size: size, max_readers: 4096, volatile: true };
            let env = rustdb_core::lmdb::Env::open(&path, options).unwrap();
            let reads: Vec<_> = (0..place.count("readers")).map(|_| env.read().unwrap()).collect();
            assert!(!reads.is_empty());
            worker::die();
        }
        child => {
            assert!(child > 0);
            let mut status = 0;
            // SAFETY: the child was forked here.
            unsafe { libc::waitpid(child, &mut status, 0) };
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL, "the reader was not killed");
        }
    }
}

#[test]
fn dead_readers_fill_neither_the_map_nor_the_table() {
    let scene = Scene::new(24).with("largest", 20_000);
    let ledger = scene.ledger();
    let mut storm = scene.start("storm", 1);
    wait_until("the storm has begun", || ledger.get(Word::Changes) > 100);
    // 8 times 1000 readers; the table has 4096 places.
    for _ in 0..8 {
        scene.run("pinned readers", json!({"readers": 1000}));
        let changes = ledger.get(Word::Changes);
        wait_until("the storm went on", || ledger.get(Word::Changes) > changes + 500);
    }
    assert!(storm.is_running());
    // While a dead reader pins its moment, every change takes fresh pages; 4 MiB are enough only if such readers go.
    let changes = ledger.get(Word::Changes);
    wait_until("a hundred times the buffer was written", || ledger.get(Word::Changes) > changes + 20_000);
    ledger.word(Word::Stop).store(1, SeqCst);
    storm.finish();
    let size = std::fs::metadata(scene.buffer().unwrap().join("buffer.mdb")).unwrap().len();
    println!("      {} changes in a buffer of {} MiB", ledger.get(Word::Changes), size >> 20);
    assert!(size <= 32 << 20, "the buffer grew to {size} bytes for 24 sessions");
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
    sessions.commit(&mut held, Intent::Write(b"0"), 60).unwrap();
    sessions.release(held);
}
