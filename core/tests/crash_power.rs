//! Power cuts and reboots: whatever moment the disk store is cut off at, it opens, every session in it is whole, and it
//! is no older than the flush interval.
//!
//! What a disk keeps of writes that were not synced is a matter of chance, so the writes of a store are recorded and
//! replayed: everything up to a random event that was synced by then, and of the rest a random part, down to single
//! sectors. The recorder takes the place of the C library's functions in this test binary.

mod crash_support;

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use crash_support::ledger::{self, Ledger, Word};
use crash_support::worker::{self, Workplace};
use crash_support::{Scene, nap, rounds, wait_until};
use rand::RngExt;
use rustdb_core::backend::embedded::Embedded;
use rustdb_core::record::SessionId;
use rustdb_core::store::{Access, Found, Store, Sweep};
use serde_json::json;

roles! {
    "record" => record,
    "die at an event" => die_at_an_event,
    "write, flush, write" => write_flush_write,
    "see the flushed" => see_the_flushed,
}

/// Something that happens to the store's file.
#[derive(Clone)]
enum Event {
    /// Bytes at an offset; durable on return if the file was opened with `O_DSYNC`.
    Write { offset: u64, bytes: Vec<u8>, durable: bool },
    /// The file has another length.
    Length(u64),
    /// All before it is durable.
    Sync,
    /// The test's own mark: the store promised everything up to here.
    Promised,
}

static RECORDING: AtomicBool = AtomicBool::new(false);
/// The process dies at this event, counted from 1.
static DIE_AT: AtomicU64 = AtomicU64::new(u64::MAX);
static COUNTED: AtomicU64 = AtomicU64::new(0);
static EVENTS: Mutex<Vec<Event>> = Mutex::new(Vec::new());

fn is_store(fd: i32) -> bool {
    RECORDING.load(SeqCst)
        && std::fs::read_link(format!("/proc/self/fd/{fd}")).is_ok_and(|path| path.ends_with("store.mdb"))
}

/// Counts an event and dies if it is the chosen one; half of the chosen ones die after it took place.
fn happen(event: Event, take_place: impl FnOnce() -> isize) -> isize {
    let number = COUNTED.fetch_add(1, SeqCst) + 1;
    let die_at = DIE_AT.load(SeqCst);
    if number == die_at / 2 && die_at % 2 == 0 {
        worker::die();
    }
    let done = take_place();
    if number == die_at / 2 {
        worker::die();
    }
    EVENTS.lock().unwrap().push(event);
    done
}

fn written(fd: i32, bytes: *const u8, length: usize, offset: i64) -> Event {
    // SAFETY: the caller hands these bytes to the kernel to be written.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length) }.to_vec();
    // SAFETY: the descriptor is open.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    Event::Write { offset: offset as u64, bytes, durable: flags & libc::O_DSYNC != 0 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: i32, bytes: *const u8, length: usize, offset: i64) -> isize {
    let take_place = || unsafe { libc::syscall(libc::SYS_pwrite64, fd, bytes, length, offset) as isize };
    if is_store(fd) { happen(written(fd, bytes, length, offset), take_place) } else { take_place() }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: i32, bytes: *const u8, length: usize) -> isize {
    let take_place = || unsafe { libc::syscall(libc::SYS_write, fd, bytes, length) as isize };
    if !is_store(fd) {
        return take_place();
    }
    let offset = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
    happen(written(fd, bytes, length, offset), take_place)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: i32, parts: *const libc::iovec, count: i32) -> isize {
    let take_place = || unsafe { libc::syscall(libc::SYS_writev, fd, parts, count) as isize };
    if !is_store(fd) {
        return take_place();
    }
    let offset = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
    let mut bytes = Vec::new();
    for part in unsafe { std::slice::from_raw_parts(parts, count as usize) } {
        bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(part.iov_base.cast::<u8>(), part.iov_len) });
    }
    happen(written(fd, bytes.as_ptr(), bytes.len(), offset), take_place)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(fd: i32) -> i32 {
    let take_place = || unsafe { libc::syscall(libc::SYS_fdatasync, fd) as isize };
    (if is_store(fd) { happen(Event::Sync, take_place) } else { take_place() }) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(fd: i32) -> i32 {
    let take_place = || unsafe { libc::syscall(libc::SYS_fsync, fd) as isize };
    (if is_store(fd) { happen(Event::Sync, take_place) } else { take_place() }) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(fd: i32, length: i64) -> i32 {
    let take_place = || unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) as isize };
    (if is_store(fd) { happen(Event::Length(length as u64), take_place) } else { take_place() }) as i32
}

/// Changes sessions and flushes them, in rounds; a round's states are promised when its flush is over.
fn work_in_rounds(place: &Workplace) {
    RECORDING.store(true, SeqCst);
    let sessions = place.open();
    for round in 0..place.count("rounds") {
        for session in 0..place.sessions {
            if round == 0 || rand::rng().random_range(0..3) == 0 {
                let mut held = place.take(&sessions, session);
                place.change(&sessions, session, &mut held);
                place.let_go(&sessions, session, held);
            }
        }
        sessions.host().collect().unwrap();
        EVENTS.lock().unwrap().push(Event::Promised);
    }
}

/// Records all that happens to the file into another file.
fn record(place: &Workplace) {
    work_in_rounds(place);
    RECORDING.store(false, SeqCst);
    let mut out = Vec::new();
    for event in EVENTS.lock().unwrap().iter() {
        let (kind, number, bytes): (u8, u64, &[u8]) = match event {
            Event::Write { offset, bytes, durable } => (u8::from(*durable), *offset, bytes),
            Event::Length(length) => (2, *length, &[]),
            Event::Sync => (3, 0, &[]),
            Event::Promised => (4, 0, &[]),
        };
        out.push(kind);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    std::fs::write(place.text("record"), out).unwrap();
}

fn recorded(path: &Path) -> Vec<Event> {
    let text = std::fs::read(path).unwrap();
    let mut rest = &text[..];
    let mut events = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        let (number, after) = after.split_first_chunk::<8>().unwrap();
        let (length, after) = after.split_first_chunk::<8>().unwrap();
        let (number, length) = (u64::from_le_bytes(*number), u64::from_le_bytes(*length) as usize);
        events.push(match kind {
            0 | 1 => Event::Write { offset: number, bytes: after[..length].to_vec(), durable: *kind == 1 },
            2 => Event::Length(number),
            3 => Event::Sync,
            _ => Event::Promised,
        });
        rest = &after[length..];
    }
    events
}

/// What a disk may hold after a power cut between `events[..cut]` and the rest.
fn image_after(events: &[Event], cut: usize) -> Vec<u8> {
    let mut random = rand::rng();
    let synced = events[..cut].iter().rposition(|event| matches!(event, Event::Sync)).unwrap_or(0);
    // Of what was not synced: nothing, all, or some.
    let luck = [0, 100, random.random_range(1..100)][random.random_range(0..3)];
    let mut image = Vec::new();
    for (number, event) in events[..cut].iter().enumerate() {
        match event {
            Event::Write { offset, bytes, durable } => {
                let certain = *durable && number + 1 < cut || number < synced;
                let end = *offset as usize + bytes.len();
                for (sector, bytes) in bytes.chunks(512).enumerate() {
                    if certain || random.random_range(0..100) < luck {
                        let at = *offset as usize + sector * 512;
                        if image.len() < end {
                            image.resize(end, 0);
                        }
                        image[at..at + bytes.len()].copy_from_slice(bytes);
                    }
                }
            }
            Event::Length(length) => image.resize(*length as usize, 0),
            Event::Sync | Event::Promised => {}
        }
    }
    image
}

/// The states that a store's file has; every session in it is whole, and its expiry index is true.
fn states_in(directory: &Path, sessions: usize) -> Vec<Option<u64>> {
    let (store, set_aside) = Embedded::open(directory, true).unwrap_or_else(|error| panic!("unreadable: {error}"));
    assert_eq!(set_aside, None, "the store was not readable");
    let states: Vec<_> = (0..sessions)
        .map(|session| {
            let name = ledger::name(session);
            match store.begin(SessionId::parse(name.as_bytes()).unwrap(), Access::ReadOnly, None).unwrap().found {
                Found::Record(record) => Some(ledger::state_of(session, &record.payload)),
                _ => None,
            }
        })
        .collect();
    // In a thousand years all of them have expired, and the index leads to each.
    let swept = store.sweep(rustdb_core::record::now() + (1 << 35), 100_000, 0, &mut |_| true).unwrap();
    assert_eq!(swept.collected, states.iter().flatten().count() as u64, "the expiry index does not fit the sessions");
    states
}

fn fresh_directory(scene: &Scene, name: &str) -> std::path::PathBuf {
    let path = scene.path(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir(&path).unwrap();
    path
}

#[test]
fn recorded_writes_up_to_any_moment_are_a_readable_store() {
    let scene = Scene::new(40).with("flush_ms", 3_600_000).with("largest", 15_000);
    let path = scene.path("record");
    scene.run("record", json!({"rounds": 30, "number": 1, "record": path}));
    let events = recorded(&path);
    let count = |want: fn(&Event) -> bool| events.iter().filter(|event| want(event)).count();
    let syncs = count(|event| matches!(event, Event::Sync));
    let metas = count(|event| matches!(event, Event::Write { durable: true, .. }));
    assert!(syncs >= 30 && metas >= 30, "{syncs} syncs and {metas} durable writes were recorded in 30 flushes");

    // What was promised at which event: found by replaying to the promise itself, where nothing is left to chance.
    let mut promises: Vec<(usize, Vec<Option<u64>>)> = Vec::new();
    for (number, event) in events.iter().enumerate() {
        if matches!(event, Event::Promised) {
            let directory = fresh_directory(&scene, "replayed");
            let certain: Vec<Event> = events[..number].iter().cloned().chain([Event::Sync]).collect();
            std::fs::write(directory.join("store.mdb"), image_after(&certain, certain.len())).unwrap();
            promises.push((number, states_in(&directory, 40)));
        }
    }
    for (session, state) in promises.last().unwrap().1.iter().enumerate() {
        assert_eq!(*state, ledger::says(scene.ledger().account(session).acknowledged()), "session {session}");
    }

    let first = promises[0].0;
    let cuts = rounds(150, 1200);
    for _ in 0..cuts {
        let cut = rand::rng().random_range(first + 1..=events.len());
        let directory = fresh_directory(&scene, "replayed");
        std::fs::write(directory.join("store.mdb"), image_after(&events, cut)).unwrap();
        let states = states_in(&directory, 40);
        // Either the last promise before the cut, or already the next one, but of all sessions the same.
        let kept = promises.iter().rposition(|(number, _)| *number < cut).unwrap();
        assert!(
            states == promises[kept].1 || promises.get(kept + 1).is_some_and(|next| states == next.1),
            "after event {cut} of {} the store is neither as promised nor as the next flush makes it",
            events.len()
        );
    }
    println!("      {cuts} cuts in {} events, {syncs} syncs", events.len());
}

#[test]
fn a_store_cut_off_in_its_first_moment_begins_anew() {
    let scene = Scene::new(4).with("flush_ms", 3_600_000);
    let path = scene.path("record");
    scene.run("record", json!({"rounds": 1, "number": 1, "record": path}));
    let events = recorded(&path);
    let first = events.iter().position(|event| matches!(event, Event::Promised)).unwrap();
    for _ in 0..rounds(100, 300) {
        let cut = rand::rng().random_range(0..=first);
        let directory = fresh_directory(&scene, "replayed");
        std::fs::write(directory.join("store.mdb"), image_after(&events, cut)).unwrap();
        // Nothing was promised yet, so a damaged file may be set aside; but there is a store, and what is in it is right.
        let (store, _) = Embedded::open(&directory, true).unwrap_or_else(|error| panic!("after event {cut}: {error}"));
        for session in 0..4 {
            let name = ledger::name(session);
            let id = SessionId::parse(name.as_bytes()).unwrap();
            if let Found::Record(record) = store.begin(id, Access::ReadOnly, None).unwrap().found {
                assert_eq!(ledger::state_of(session, &record.payload), 1);
            }
        }
    }
}

fn die_at_an_event(place: &Workplace) {
    DIE_AT.store(place.count("event"), SeqCst);
    work_in_rounds(place);
}

#[test]
fn a_flusher_killed_at_any_write_or_sync_loses_nothing() {
    let scene = Scene::new(30).with("flush_ms", 3_600_000).with("largest", 15_000);
    // Before and after each event of the first few flushes, in turn; then at random.
    let deaths = rounds(40, 200);
    let mut killed = 0;
    for number in 1..=deaths {
        let event = if number < deaths / 2 { number + 1 } else { rand::rng().random_range(2..120) };
        let worker = scene.start_with("die at an event", number, json!({"rounds": 3, "event": event}));
        killed += usize::from(worker.ends_killed());
        scene.ledger().doom(number);
        scene.run("audit", json!({}));
    }
    println!("      {killed} of {deaths} killed");
    assert!(killed > deaths / 4, "only {killed} of {deaths} were killed");
    scene.audit();
}

/// How long ago the oldest acknowledged change was that the copy lacks.
fn age_of_the_copy(ledger: &Ledger, states: &[Option<u64>], stopped: u64, resumed: u64) -> Duration {
    let mut oldest = Duration::ZERO;
    for (session, state) in states.iter().enumerate() {
        let account = ledger.account(session);
        let acknowledged = account.acknowledged();
        // A missing session says nothing about how long it has been destroyed: then the last destroy is meant.
        let reached = state.unwrap_or(acknowledged / ledger::DESTROYED * ledger::DESTROYED);
        if reached < acknowledged {
            let since = account.when(reached + 1).max(resumed);
            oldest = oldest.max(Duration::from_nanos(stopped.saturating_sub(since)));
        }
    }
    oldest
}

#[test]
fn a_copy_of_the_disk_store_taken_at_any_moment_is_whole_and_fresh() {
    let scene = Scene::new(40).with("flush_ms", 200);
    let ledger = scene.ledger();
    let mut workers: Vec<_> = (1..=3).map(|number| scene.start("storm", number)).collect();
    let mut resumed = ledger::nanoseconds();
    wait_until("all are at work", || ledger.get(Word::Opened) == 3 && ledger.get(Word::Changes) > 1000);
    let mut oldest = Duration::ZERO;
    let copies = rounds(15, 60);
    for _ in 0..copies {
        nap(600_000);
        workers.iter().for_each(crash_support::Worker::stop);
        let stopped = ledger::nanoseconds();
        let directory = fresh_directory(&scene, "copy");
        std::fs::copy(scene.store().join("store.mdb"), directory.join("store.mdb")).unwrap();
        let states = states_in(&directory, 40);
        for (session, state) in states.iter().enumerate() {
            let account = ledger.account(session);
            assert!(
                state.is_none_or(|state| state <= account.attempted()),
                "session {session} is ahead of its writers"
            );
        }
        oldest = oldest.max(age_of_the_copy(&ledger, &states, stopped, resumed));
        resumed = ledger::nanoseconds();
        workers.iter().for_each(|worker| worker.signal(libc::SIGCONT));
        // The copy's whole past is to be after the stop, so that the stop itself counts for nothing.
        let changes = ledger.get(Word::Changes);
        wait_until("work goes on", || {
            workers.iter_mut().all(crash_support::Worker::is_running) && ledger.get(Word::Changes) > changes + 500
        });
    }
    ledger.word(Word::Stop).store(1, SeqCst);
    workers.iter_mut().for_each(crash_support::Worker::finish);
    println!("      {copies} copies, the flush interval is 200 ms, the oldest missing change was {oldest:.0?} old");
    // The interval, the flush itself, and a busy machine.
    assert!(oldest < crash_support::STALL, "the store was {oldest:?} behind");
    scene.audit();
}

/// Writes state 1 and flushes; writes state 2, and ends as a process does that the machine takes along.
fn write_flush_write(place: &Workplace) {
    let sessions = place.open();
    for round in 0..2 {
        for session in 0..place.sessions {
            let mut held = place.take(&sessions, session);
            place.change(&sessions, session, &mut held);
            place.let_go(&sessions, session, held);
        }
        if round == 0 {
            sessions.host().collect().unwrap();
        }
    }
    worker::die();
}

/// Sees each session in state 1.
fn see_the_flushed(place: &Workplace) {
    let sessions = place.open();
    for session in 0..place.sessions {
        let name = ledger::name(session);
        let id = SessionId::parse(name.as_bytes()).unwrap();
        let mut held = sessions.begin(id, Access::Exclusive).unwrap().unwrap();
        assert!(held.exists(), "session {session} is gone");
        let state = ledger::state_of(session, &held.take_payload().unwrap());
        assert_eq!(state, place.count("state"), "session {session}");
        sessions.release(held);
    }
}

/// Replaces words of the buffer's header.
fn edit_header(scene: &Scene, edit: impl FnOnce(&mut serde_json::Value)) {
    let path = scene.buffer().unwrap().join("header");
    let mut header = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut header);
    std::fs::write(&path, header.to_string()).unwrap();
}

#[test]
fn the_buffer_of_another_boot_is_deleted_unread() {
    let scene = Scene::new(20).with("flush_ms", 3_600_000);
    scene.start("write, flush, write", 1).ends_killed();
    let buffer = scene.buffer().unwrap().join("buffer.mem");
    let before = File::open(&buffer).unwrap();
    edit_header(&scene, |header| header["origin"]["boot_id"] = "11111111-2222-3333-4444-555555555555".into());
    scene.run("see the flushed", json!({"state": 1}));
    assert_eq!(before.metadata().unwrap().nlink(), 0, "the old file is still there");
    assert!(buffer.exists());
}

#[test]
fn the_buffer_of_the_same_boot_is_kept_when_all_processes_have_ended() {
    let scene = Scene::new(20).with("flush_ms", 3_600_000);
    scene.start("write, flush, write", 1).ends_killed();
    scene.run("see the flushed", json!({"state": 2}));
}

#[test]
fn the_buffer_that_the_version_before_has_left_is_taken_over() {
    let scene = Scene::new(20).with("flush_ms", 3_600_000);
    scene.start("write, flush, write", 1).ends_killed();
    edit_header(&scene, |header| header["origin"]["format"] = 4.into());
    scene.run("see the flushed", json!({"state": 2}));
}

#[test]
fn the_buffer_of_an_older_format_or_with_a_bad_header_is_not_used() {
    for bad in ["format", "garbage", "empty", "truncated"] {
        let scene = Scene::new(20).with("flush_ms", 3_600_000);
        scene.start("write, flush, write", 1).ends_killed();
        let path = scene.buffer().unwrap();
        match bad {
            "format" => edit_header(&scene, |header| header["origin"]["format"] = 0.into()),
            "garbage" => std::fs::write(path.join("header"), b"\x00\xff not JSON").unwrap(),
            "empty" => std::fs::write(path.join("header"), b"").unwrap(),
            _ => File::options().write(true).open(path.join("buffer.mem")).unwrap().set_len(5000).unwrap(),
        }
        scene.run("see the flushed", json!({"state": 1}));
        // For the end of the scene, which finds the buffer by its header.
        assert!(scene.buffer().is_some(), "{bad}");
    }
}
