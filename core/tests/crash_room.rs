//! More sessions than the buffer holds, and writers that are faster than the disk: everything is readable, nobody is
//! refused, and nothing is lost.

mod crash_support;

use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use crash_support::ledger::Word;
use crash_support::worker::Workplace;
use crash_support::{Scene, rounds};
use rustdb_core::record::SessionId;
use rustdb_core::sessions::{Intent, Told};
use rustdb_core::store::Access;
use serde_json::json;

roles! {
    "write a range" => write_a_range,
    "read all" => read_all,
}

const SIZE: usize = 2048;

/// An id as PHP draws it: spread over the whole alphabet.
fn id(number: u64) -> String {
    let letters = b"0123456789abcdefghijklmnopqrstuv";
    let mut bits = u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(number);
    (0..26)
        .map(|_| {
            let letter = letters[(bits & 31) as usize] as char;
            bits = bits.rotate_right(5);
            letter
        })
        .collect()
}

fn payload(number: u64) -> Vec<u8> {
    let mut payload = format!("{number}|").into_bytes();
    payload.resize(SIZE, b'a' + (number % 26) as u8);
    payload
}

/// Makes new sessions, as strict mode does with an id drawn a moment ago.
fn write_a_range(place: &Workplace) {
    let sessions = place.open();
    for number in place.count("from")..place.count("to") {
        let id = id(number);
        let begun = Instant::now();
        let mut held = sessions.begin(SessionId::parse(id.as_bytes()).unwrap(), Access::Fresh).unwrap().unwrap();
        sessions
            .commit(&mut held, Intent::Write(&payload(number)), 3600, &Told::default())
            .unwrap_or_else(|error| panic!("session {number} was refused: {error}"));
        sessions.release(held);
        place.longest(Word::LongestCommit, begun);
        place.ledger.word(Word::Changes).fetch_add(1, SeqCst);
    }
}

fn read_all(place: &Workplace) {
    let sessions = place.open();
    for number in 0..place.count("to") {
        let id = id(number);
        let begun = Instant::now();
        let mut held = sessions.begin(SessionId::parse(id.as_bytes()).unwrap(), Access::Exclusive).unwrap().unwrap();
        assert!(held.exists(), "session {number} is gone");
        assert!(held.take_payload().unwrap() == payload(number), "session {number} has other content");
        sessions.release(held);
        place.longest(Word::LongestBegin, begun);
    }
}

fn fill(scene: &Scene, many: u64) {
    let ledger = scene.ledger();
    let begun = Instant::now();
    let mut workers: Vec<_> = (0..4)
        .map(|part| {
            let range = json!({"from": many * part / 4, "to": many * (part + 1) / 4});
            scene.start_with("write a range", 1 + part as usize, range)
        })
        .collect();
    workers.iter_mut().for_each(crash_support::Worker::finish);
    assert_eq!(ledger.get(Word::Changes), many);
    let written = begun.elapsed();
    scene.run("read all", json!({"to": many}));
    let size = std::fs::metadata(scene.buffer().unwrap().join("buffer.mem")).unwrap().blocks() * 512;
    println!(
        "      {many} sessions written in {written:.1?}, longest {:.0?}; read in {:.1?}, longest {:.0?}; {} MiB buffer",
        Duration::from_nanos(ledger.get(Word::LongestCommit)),
        begun.elapsed() - written,
        Duration::from_nanos(ledger.get(Word::LongestBegin)),
        size >> 20
    );
    assert!(size <= scene.job["buffer"].as_u64().unwrap(), "the buffer has {size} bytes");
    // From the disk alone, too.
    scene.run("flush", json!({}));
    scene.remove_buffer();
    scene.run("read all", json!({"to": many}));
}

#[test]
fn more_sessions_than_the_buffer_holds_are_all_readable() {
    fill(&Scene::new(1).with("buffer", 16 << 20), rounds(20_000, 100_000) as u64);
}

#[test]
fn writers_that_outrun_the_disk_wait_and_lose_nothing() {
    // No interval comes to their help: each time the buffer is full of unflushed sessions, a writer is the flusher.
    fill(&Scene::new(1).with("buffer", 1 << 20).with("flush_ms", 3_600_000), rounds(4_000, 20_000) as u64);
}
