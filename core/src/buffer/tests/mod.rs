//! The buffer from the inside: steps that a killed process leaves undone, full buckets, and many writers at once.

mod deleted;
mod room;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::TempDir;

use super::epoch::Epochs;
use super::index::{self, Inserted, Key, Slot};
use super::place::Place;
use super::{Buffer, Lookup, Put, Search, Unflushed, Value, frame};
use crate::entry::{self, HEADER, Stamp};
use crate::error::{ErrorKind, Result};
use crate::owner::Owner;
use crate::record::{Expiry, Record, SessionId, now};
use crate::shared::{Counter, Shared};
use crate::visitor::{User, Visitor};

/// A directory with a buffer in it, beside which `/dev/shm` is left alone.
pub(super) struct Scene {
    directory: TempDir,
}

/// The largest payload that `buffer` takes.
fn largest(buffer: &Buffer) -> usize {
    frame::longest(buffer.live.read().memory.layout().segment) - HEADER
}

impl Scene {
    pub(super) fn new() -> Scene {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o700);
        Scene {
            directory: tempfile::Builder::new().prefix("rustdb-buffer-").permissions(permissions).tempdir().unwrap(),
        }
    }

    /// Opens the buffer as a process of its own would: with its own mapping, and locks of its own.
    pub(super) fn open(&self, size: u64) -> Buffer {
        self.try_open(size).unwrap()
    }

    pub(super) fn try_open(&self, size: u64) -> Result<Buffer> {
        let path = self.directory.path().canonicalize().unwrap();
        let (owner, (shared, place, live)) = Owner::join(&path, true, |owner| {
            let shared = Arc::new(Shared::open(&path)?);
            let place = Place::new(&path, 1, size);
            let live = place.open(owner.was_first(), Epochs { owner, shared: &shared, mine: None })?;
            Ok((shared, place, live))
        })?;
        Ok(Buffer::new(live, place, Arc::new(owner), shared))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let place = Place::new(&self.directory.path().canonicalize().unwrap(), 1, 0);
        let _ = std::fs::remove_dir_all(place.in_memory());
    }
}

const SMALL: u64 = 1 << 20;

pub(super) fn id(text: &str) -> SessionId<'_> {
    SessionId::parse(text.as_bytes()).unwrap()
}

fn record(payload: Vec<u8>) -> Record<'static> {
    Record::new(payload, Expiry(i64::MAX))
}

fn put(buffer: &Buffer, name: &str, payload: &[u8]) -> Put {
    buffer.put(id(name), Value::Session(&record(payload.to_vec())), true, &|_| true).unwrap()
}

fn payload(buffer: &Buffer, name: &str) -> Option<Vec<u8>> {
    match buffer.read(id(name)).unwrap() {
        Lookup::Session(record) => Some(record.payload.into_owned()),
        _ => None,
    }
}

#[test]
fn a_visitor_comes_back_with_payloads_of_every_length_up_to_the_largest() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    let text = "x".repeat(400);
    let visitors = [
        Visitor::UNKNOWN,
        Visitor::new(&User::Nobody, None, None),
        Visitor::new(&User::Is("7".into()), Some("::1"), Some(b"Mozilla")),
        Visitor::new(
            &User::Is(text[..191].into()),
            Some("2001:db8:1111:2222:3333:4444:5555:6666"),
            Some(text.as_bytes()),
        ),
    ];
    for visitor in &visitors {
        let most = largest(&buffer) - visitor.as_bytes().len();
        for length in (0..20).chain(250..260).chain(most - 10..=most) {
            for name in ["a", "seven77", "eight888", "nine99999", &text[..256]] {
                let payload: Vec<u8> = (0..length).map(|number| number as u8).collect();
                let written = Record { visitor: visitor.clone(), ..record(payload) };
                assert!(buffer.takes(&written));
                while buffer.put(id(name), Value::Session(&written), true, &|_| true).unwrap() == Put::Full {
                    flush(&buffer);
                }
                assert_eq!(buffer.read(id(name)).unwrap(), Lookup::Session(written), "{length} {name}");
                flush(&buffer);
            }
        }
        assert!(!buffer.takes(&Record { visitor: visitor.clone(), ..record(vec![0; most + 1]) }));
    }
}

/// Has the store take everything.
fn flush(buffer: &Buffer) -> usize {
    let mut ids = buffer.unflushed(Search::Everywhere).unwrap().into_iter();
    let fetched: Vec<Unflushed> = buffer.fetch(&mut ids, usize::MAX, usize::MAX).unwrap();
    buffer.settle(&fetched, &mut |_| true).unwrap()
}

/// The slots of the bucket of an id that say they are its own, announced ones included.
fn slots(buffer: &Buffer, name: &str) -> Vec<Slot> {
    let live = buffer.live.read();
    let key = Key::of(&live.memory, id(name));
    let cells = &live.memory.buckets()[key.bucket];
    let slots = cells.iter().map(|cell| Slot(cell.load(Ordering::SeqCst)));
    slots.filter(|slot| key.leads_to(key.bucket, *slot)).collect()
}

/// Writes an entry and returns what would be its slot, as a process that is killed right then does.
pub(super) fn write_only(buffer: &Buffer, name: &str, payload: &[u8]) -> Slot {
    try_write_only(buffer, name, payload).unwrap()
}

/// The same; `None`: there is no room.
fn try_write_only(buffer: &Buffer, name: &str, payload: &[u8]) -> Option<Slot> {
    let live = buffer.live.read();
    let mut writer = live.writer(&buffer.shared);
    let key = Key::of(&live.memory, id(name));
    let record = record(payload.to_vec());
    let spot = writer.take(frame::units(name.len(), HEADER + payload.len())).unwrap()?;
    frame::write(&live.memory, spot.unit, name.as_bytes(), &entry::session_parts(id(name), &record).0, payload, &[]);
    live.memory.touch(key.bucket, spot.unit);
    Some(Slot::new(&key, spot, true))
}

/// Names that share a bucket.
pub(super) fn neighbours(buffer: &Buffer, many: usize) -> Vec<String> {
    let live = buffer.live.read();
    let wanted = Key::of(&live.memory, id("n0")).bucket;
    let names = (0..).map(|number| format!("n{number}"));
    names.filter(|name| Key::of(&live.memory, id(name)).bucket == wanted).take(many).collect()
}

#[test]
fn what_a_killed_process_wrote_but_did_not_index_shows_nowhere_and_its_room_comes_back() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    assert_eq!(put(&buffer, "a", b"before"), Put::Done);
    for _ in 0..200 {
        write_only(&buffer, "a", &[1; 20_000]);
        assert_eq!(payload(&buffer, "a").as_deref(), Some(b"before".as_slice()));
    }
    assert_eq!(put(&buffer, "a", b"after"), Put::Done);
    assert_eq!(payload(&buffer, "a").as_deref(), Some(b"after".as_slice()));
}

#[test]
fn what_a_killed_process_announced_shows_nowhere_and_gives_way_to_the_next() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    let announced = write_only(&buffer, "a", b"of the killed one").0 | 4;
    let cells = |buffer: &Buffer, place: usize, slot: u64| {
        let live = buffer.live.read();
        let key = Key::of(&live.memory, id("a"));
        live.memory.buckets()[key.bucket][place].store(slot, Ordering::SeqCst);
    };
    for place in 0..8 {
        cells(&buffer, place, announced);
        assert_eq!(payload(&buffer, "a"), None);
        assert_eq!(flush(&buffer), 0, "it was flushed");
        assert_eq!(put(&buffer, "a", b"next"), Put::Done);
        assert_eq!(payload(&buffer, "a").as_deref(), Some(b"next".as_slice()));
        assert_eq!(slots(&buffer, "a").len(), 1);
        buffer.remove(id("a")).unwrap();
        assert_eq!(slots(&buffer, "a").len(), 0);
    }
    // Two of them, and the one that goes first stands behind the other.
    cells(&buffer, 2, announced);
    cells(&buffer, 5, announced);
    assert_eq!(put(&buffer, "a", b"next"), Put::Done);
    assert_eq!(slots(&buffer, "a").len(), 1);
    // One in a segment that is used anew is gone.
    buffer.remove(id("a")).unwrap();
    cells(&buffer, 0, write_only(&buffer, "a", b"of the killed one").0 | 4);
    for number in 0..5000 {
        put(&buffer, &format!("x{}", number % 10), &[0; 2000]);
    }
    assert_eq!(slots(&buffer, "a").len(), 0);
}

#[test]
fn a_segment_used_anew_has_other_slots_for_the_same_places() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    let mut seen: HashMap<u64, u64> = HashMap::new();
    let mut again = 0;
    for number in 0..20_000u32 {
        put(&buffer, "a", &number.to_le_bytes());
        let [slot] = slots(&buffer, "a")[..] else { panic!("{:?}", slots(&buffer, "a")) };
        let before = seen.insert(slot.unit(), slot.0 & !7);
        again += usize::from(before.is_some());
        assert_ne!(before, Some(slot.0 & !7), "the slot of another entry");
    }
    assert!(again > 1000, "{again}");
    // Who saw a former state changes nothing. The put takes no lock that this look has, only the pen.
    let live = buffer.live.read();
    let key = Key::of(&live.memory, id("a"));
    let (found, ()) = index::find(&live.memory, &key, |_| ()).unwrap();
    put(&buffer, "a", b"newer");
    assert!(!found.swing(Slot::FREE));
    assert_eq!(payload(&buffer, "a").as_deref(), Some(b"newer".as_slice()));
}

#[test]
fn a_full_bucket_evicts_what_the_store_has_and_nothing_else() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    let names = neighbours(&buffer, 12);
    for name in &names[..8] {
        assert_eq!(put(&buffer, name, name.as_bytes()), Put::Done);
    }
    assert_eq!(put(&buffer, &names[8], b"one too many"), Put::Full);
    let tombstone = buffer.put(id(&names[8]), Value::Tombstone, true, &|_| true).unwrap();
    assert_eq!(tombstone, Put::Full);
    for name in &names[..8] {
        assert_eq!(payload(&buffer, name).as_deref(), Some(name.as_bytes()));
    }
    // Changing what is there takes no slot.
    assert_eq!(put(&buffer, &names[3], b"changed"), Put::Done);
    assert_eq!(flush(&buffer), 8);
    let evicted = buffer.shared.get(Counter::BufferEvictions);
    for name in &names[8..] {
        assert_eq!(put(&buffer, name, name.as_bytes()), Put::Done);
    }
    assert_eq!(buffer.shared.get(Counter::BufferEvictions), evicted + 4);
    for name in &names[8..] {
        assert_eq!(payload(&buffer, name).as_deref(), Some(name.as_bytes()));
    }
}

#[test]
fn nothing_unflushed_is_ever_lost_and_nothing_outdated_is_ever_read() {
    for seed in 0..6 {
        let scene = Scene::new();
        let buffers = [scene.open(SMALL), scene.open(SMALL)];
        let mut random = StdRng::seed_from_u64(seed);
        let largest = [600, 3000, 20_000, largest(&buffers[0])][seed as usize % 4];
        // What is there: the payload, and whether the store has it too.
        let mut model: HashMap<String, (Vec<u8>, bool)> = HashMap::new();
        let mut full = 0;
        for step in 0..12_000u32 {
            let buffer = &buffers[random.random_range(0..2)];
            let name = format!("s{}", random.random_range(0..300));
            let mut is_full = false;
            match random.random_range(0..100) {
                0..60 => {
                    let length = random.random_range(0..=largest);
                    let mut payload = step.to_le_bytes().to_vec();
                    payload.resize(length.max(4), step as u8);
                    match put(buffer, &name, &payload) {
                        Put::Done => drop(model.insert(name, (payload, false))),
                        _ => is_full = true,
                    }
                }
                60..62 => {
                    buffer.remove(id(&name)).unwrap();
                    model.remove(&name);
                }
                62 => {
                    flush(buffer);
                    model.values_mut().for_each(|(_, flushed)| *flushed = true);
                }
                63 => buffer.rest().unwrap(),
                // What a killed process leaves.
                64 => is_full = try_write_only(buffer, &name, &[7; 300]).is_none(),
                _ => match (payload(buffer, &name), model.get(&name)) {
                    (Some(found), Some((payload, _))) => assert!(found == *payload, "step {step}: other content"),
                    (None, Some((_, flushed))) => {
                        assert!(flushed, "step {step}: {name} is lost");
                        model.remove(&name);
                    }
                    (Some(_), None) => panic!("step {step}: {name} came back"),
                    (None, None) => {}
                },
            }
            if is_full {
                full += 1;
                let settled = flush(buffer);
                assert!(settled > 0, "it is full of what the store has: {:?}", buffer.report());
                model.values_mut().for_each(|(_, flushed)| *flushed = true);
            }
        }
        assert_eq!(buffers[0].shared.get(Counter::DamagedValues), 0);
        println!("seed {seed}: full {full} times, {} evictions", buffers[0].shared.get(Counter::BufferEvictions));
    }
}

#[test]
fn whoever_is_asked_last_wins_and_no_id_gets_two_slots() {
    let scene = Scene::new();
    let buffers: Vec<Buffer> = (0..2).map(|_| scene.open(SMALL)).collect();
    let names = neighbours(&buffers[0], 4);
    // Each counts up what it finds, in the expiry; whoever was overtaken is refused and counts nothing.
    let counted: i64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|number| {
                let (buffer, names) = (&buffers[number % 2], &names);
                scope.spawn(move || {
                    let mut counted = 0;
                    for round in 0..20_000usize {
                        let name = id(&names[round % names.len()]);
                        let there = match buffer.read(name).unwrap() {
                            Lookup::Session(record) => Some(record.expires),
                            _ => None,
                        };
                        let next =
                            Record::new(vec![number as u8; 40], Expiry(there.map_or(0, |expires| expires.0) + 1));
                        let allowed = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.expires()) == there;
                        if buffer.put(name, Value::Session(&next), true, &allowed).unwrap() == Put::Done {
                            counted += 1;
                        }
                    }
                    counted
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let sum: i64 = names
        .iter()
        .map(|name| match buffers[0].read(id(name)).unwrap() {
            Lookup::Session(record) => record.expires.0,
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(sum, counted);
    names.iter().for_each(|name| assert_eq!(slots(&buffers[0], name).len(), 1));
}

#[test]
fn inserts_and_removals_of_one_id_at_once_leave_one_slot_at_most() {
    let scene = Scene::new();
    let buffers: Vec<Buffer> = (0..2).map(|_| scene.open(SMALL)).collect();
    let names = neighbours(&buffers[0], 3);
    for round in 0..2000 {
        std::thread::scope(|scope| {
            for number in 0..4 {
                let (buffer, names) = (&buffers[number % 2], &names);
                scope.spawn(move || {
                    for step in 0..3 {
                        let name = &names[(number / 2 + step) % 3];
                        if (round + number + step) % 3 == 0 {
                            buffer.remove(id(name)).unwrap();
                        } else {
                            assert_eq!(put(buffer, name, b"x"), Put::Done);
                        }
                    }
                });
            }
        });
        for name in &names {
            let slots = slots(&buffers[0], name);
            assert!(slots.len() <= 1 && slots.iter().all(|slot| !slot.is_announced()), "{slots:?}");
        }
    }
}

#[test]
fn an_index_that_is_full_evicts_and_refuses_by_bucket() {
    let scene = Scene::new();
    let buffer = scene.open(SMALL);
    let names: Vec<String> = (0..4000).map(|number| format!("i{number}")).collect();
    let (mut done, mut full) = (0, 0);
    for name in &names {
        match put(&buffer, name, b"") {
            Put::Done => done += 1,
            _ => full += 1,
        }
    }
    assert!(done > 1500 && full > 500, "{done} done, {full} full");
    assert_eq!(buffer.report().unwrap().unflushed, done);
    assert_eq!(flush(&buffer) as u64, done);
    // With all of it in the store there is a slot for everybody again.
    for name in &names {
        assert_eq!(put(&buffer, name, b""), Put::Done);
        assert!(flush(&buffer) > 0);
    }
}

#[test]
fn a_process_that_is_stopped_with_a_segment_in_hand_keeps_only_that() {
    let scene = Scene::new();
    let (stopped, busy) = (scene.open(SMALL), scene.open(SMALL));
    // It has written an entry, and goes on only at the end.
    let slot = write_only(&stopped, "slow", b"written long ago");
    for number in 0..20_000u32 {
        assert_eq!(put(&busy, &format!("x{}", number % 20), &[1; 1000]), Put::Done);
    }
    let live = stopped.live.read();
    let key = Key::of(&live.memory, id("slow"));
    assert_eq!(index::insert(&live.memory, &key, slot, &mut |_, _| {}), Inserted::Done);
    drop(live);
    assert_eq!(payload(&busy, "slow").as_deref(), Some(b"written long ago".as_slice()));
}
