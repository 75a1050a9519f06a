//! The buffer deleted under running processes, as logind does when a user logs out (RemoveIPC) and as people do: nothing
//! is lost, and the lock of a session excludes as before.

mod crash_support;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crash_support::ledger::Word;
use crash_support::worker::Workplace;
use crash_support::{STALL, Scene, Worker, nap, rounds, wait_until};
use serde_json::json;

roles! {
    "change all" => change_all,
    "change all, then sleep" => change_all_then_sleep,
}

/// Four workers that never end, under whose feet `remove` takes the buffer's files away again and again.
fn storm_of_removals(scene: &Scene, removals: usize, remove: fn(&std::path::Path)) {
    let ledger = scene.ledger();
    let mut workers: Vec<_> = (1..=4).map(|number| scene.start("storm", number)).collect();
    wait_until("all are at work", || ledger.get(Word::Opened) == 4 && ledger.get(Word::Changes) > 100);
    let mut removed = 0;
    for _ in 0..removals {
        nap(20_000);
        let changes = ledger.get(Word::Changes);
        // Somebody has noticed the removal before.
        wait_until("a buffer is there", || running(&mut workers) && epoch(scene) > removed);
        removed = epoch(scene);
        if let Some(buffer) = scene.buffer() {
            remove(&buffer);
        }
        wait_until("work goes on", || running(&mut workers) && ledger.get(Word::Changes) > changes + 40);
    }
    finish(scene, &mut workers);
}

/// Which buffer it is of those that were made; 0: there is none.
fn epoch(scene: &Scene) -> u64 {
    // Its file gets its name last.
    let whole = scene.buffer().filter(|buffer| buffer.join("buffer.mem").exists());
    let header = whole.and_then(|buffer| std::fs::read(buffer.join("header")).ok());
    let header: Option<serde_json::Value> = header.and_then(|text| serde_json::from_slice(&text).ok());
    header.and_then(|header| header["epoch"].as_u64()).unwrap_or(0)
}

fn running(workers: &mut [Worker]) -> bool {
    workers.iter_mut().all(Worker::is_running)
}

fn finish(scene: &Scene, workers: &mut [Worker]) {
    let ledger = scene.ledger();
    ledger.word(Word::Stop).store(1, SeqCst);
    workers.iter_mut().for_each(Worker::finish);
    let longest = [Word::LongestBegin, Word::LongestCommit].map(|word| Duration::from_nanos(ledger.get(word)));
    println!(
        "      {} changes; longest begin {:.0?}, longest commit {:.0?}",
        ledger.get(Word::Changes),
        longest[0],
        longest[1]
    );
    assert!(longest[0] < STALL && longest[1] < STALL, "somebody stalled");
    scene.audit();
}

fn remove_all(buffer: &std::path::Path) {
    // The files may be made anew meanwhile; then the next removal takes those.
    let _ = std::fs::remove_dir_all(buffer);
}

/// As `rm -r` would, with a pause after each file.
fn remove_slowly(buffer: &std::path::Path) {
    for name in ["header", "buffer.mem"] {
        let _ = std::fs::remove_file(buffer.join(name));
        nap(2000);
    }
    let _ = std::fs::remove_dir(buffer);
}

fn remove_data(buffer: &std::path::Path) {
    let _ = std::fs::remove_file(buffer.join("buffer.mem"));
}

fn remove_header(buffer: &std::path::Path) {
    let _ = std::fs::remove_file(buffer.join("header"));
}

#[test]
fn the_buffer_removed_under_load_loses_nothing() {
    storm_of_removals(&Scene::new(24), rounds(20, 200), remove_all);
}

#[test]
fn the_buffer_removed_file_by_file_loses_nothing() {
    storm_of_removals(&Scene::new(24), rounds(20, 100), remove_slowly);
}

#[test]
fn only_the_data_file_removed_loses_nothing() {
    storm_of_removals(&Scene::new(24), rounds(20, 100), remove_data);
}

#[test]
fn the_buffer_removed_while_it_is_full_loses_nothing() {
    let scene = Scene::new(64).with("buffer", 1 << 20).with("largest", 60_000);
    storm_of_removals(&scene, rounds(10, 50), remove_all);
}

/// Processes that come later must not take part of the files for a buffer of their own beside the old one.
fn newcomers_after(remove: fn(&std::path::Path)) {
    let scene = Scene::new(24);
    let ledger = scene.ledger();
    let mut workers: Vec<_> = (1..=2).map(|number| scene.start("storm", number)).collect();
    wait_until("both are at work", || ledger.get(Word::Opened) == 2 && ledger.get(Word::Changes) > 100);
    for round in 1..=rounds(10, 60) {
        nap(20_000);
        if let Some(buffer) = scene.buffer() {
            remove(&buffer);
        }
        let mut newcomer = scene.start("change all", 10 + round);
        newcomer.finish();
        assert!(running(&mut workers));
    }
    finish(&scene, &mut workers);
}

/// Changes each session once.
fn change_all(place: &Workplace) {
    let sessions = place.open();
    for session in 0..place.sessions {
        let mut held = place.take(&sessions, session);
        place.change(&sessions, session, &mut held);
        place.let_go(&sessions, session, held);
    }
}

#[test]
fn newcomers_after_a_removal_see_what_was_written_before() {
    newcomers_after(remove_all);
}

#[test]
fn newcomers_after_the_header_was_removed_share_the_buffer_safely() {
    newcomers_after(remove_header);
}

/// Changes each session once, and stays.
fn change_all_then_sleep(place: &Workplace) {
    change_all(place);
    place.ledger.word(Word::Signal).store(1, SeqCst);
    while place.ledger.get(Word::Stop) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_an_idle_process_wrote_before_the_removal_is_seen_by_a_newcomer() {
    for _ in 0..rounds(3, 10) {
        let scene = Scene::new(24).with("flush_ms", 500);
        let ledger = scene.ledger();
        let mut idle = scene.start("change all, then sleep", 1);
        wait_until("it has written", || ledger.get(Word::Signal) == 1);
        remove_all(&scene.buffer().unwrap());
        // Its own flush is still to come, and it begins no session any more.
        scene.start("change all", 2).finish();
        ledger.word(Word::Stop).store(1, SeqCst);
        idle.finish();
        scene.audit();
    }
}

#[test]
fn a_second_buffer_size_changes_nothing() {
    let scene = Scene::new(24).with("largest", 100_000);
    let ledger = scene.ledger();
    let mut workers = Vec::new();
    for (number, size) in [8u64 << 20, 1 << 20, 64 << 20, 2 << 20].into_iter().enumerate() {
        workers.push(scene.start_with("storm", number + 1, json!({"buffer": size})));
        wait_until("it is at work", || running(&mut workers) && ledger.get(Word::Opened) == number as u64 + 1);
        let changes = ledger.get(Word::Changes);
        wait_until("work goes on", || running(&mut workers) && ledger.get(Word::Changes) > changes + 200);
        let most = std::fs::metadata(scene.buffer().unwrap().join("buffer.mem")).unwrap().len();
        assert!(most <= 8 << 20, "the first process said 8 MiB, and the file has {most} bytes");
    }
    finish(&scene, &mut workers);
}
