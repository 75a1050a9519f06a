//! The buffer: sessions in memory that all processes of one user share, in front of one store.
//!
//! It is an LMDB environment in `/dev/shm` ([`place`]), written through its map and never synced: it has to survive
//! processes that are killed at any instant, which LMDB does by never changing a page that is in use, but not the
//! machine. Two kinds of keys:
//!
//! ```text
//! 'e' id   an entry: a session, or a tombstone where one was destroyed   (crate::entry)
//! 'd' id   the store lacks the entry; empty value
//! ```
//! An entry with a 'd' is never evicted. Only who holds the host lock of an id changes its entry; the flusher and the
//! collector go by [`Stamp`]s and expiries instead, inside a transaction.
//!
//! A transaction writes a few entries at most and does no I/O: the writer's mutex has no time limit.

pub mod epoch;
mod gate;
pub mod place;
mod reopen;
mod room;
mod unflushed;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use crate::entry::{self, Entry, HEADER, Stamp};
use crate::error::{Error, ErrorKind, Result};
use crate::lmdb::{Code, Read, Reader, Write};
use crate::owner::Owner;
use crate::record::{MAX_ID_LENGTH, Record, SessionId};
use crate::shared::{Counter, Shared};
use gate::{Gate, Inside};
use place::{Live, Place};
use room::Room;
pub use unflushed::Unflushed;

const ENTRY: u8 = b'e';
const UNFLUSHED: u8 = b'd';
/// How long a writer waits for readers to end when every free page belongs to what they read.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a process waits for another to carry over the changes of a deleted buffer. It does so within its flush
/// interval.
pub const LONGEST_DRAIN: Duration = Duration::from_secs(10);
/// Attempts before an obstacle that should go away at once is taken for a failure.
const MOST_TRIES: usize = 16;

/// The buffer of one store, as this process sees it.
#[derive(Debug)]
pub struct Buffer {
    live: RwLock<Live>,
    place: Place,
    owner: Arc<Owner>,
    shared: Arc<Shared>,
    /// Whether this process has noted that it has changes in the live file. Set with a reader's hold on `live`, cleared
    /// with a writer's.
    noted: AtomicBool,
    /// Bytes that have become unflushed by this process since a flush was last asked for early.
    pending: AtomicU64,
    /// `/dev/shm` had no room when the buffer was to grow; it is not asked again.
    full_grown: AtomicBool,
}

/// What the buffer knows about a session.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The session; it may have expired.
    Session(Record<'static>),
    /// It was destroyed.
    Tombstone,
    /// Nothing.
    Miss,
}

/// What to keep under an id.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// A session.
    Session(&'a Record<'a>),
    /// The mark of a destroyed one.
    Tombstone,
}

/// Whether a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It was.
    Done,
    /// The caller's condition did not hold.
    Refused,
    /// There is no room, and nothing clean that could make some.
    Full,
}

/// What phpinfo shows.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The directory.
    pub path: String,
    /// Why it does not lie in `/dev/shm`.
    pub why_on_disk: Option<String>,
    /// The size it may grow to, in bytes.
    pub size: u64,
    /// Bytes of pages in use.
    pub used: u64,
    /// Sessions and tombstones.
    pub entries: u64,
    /// Those the store lacks.
    pub unflushed: u64,
}

/// A key: one byte of kind, then the id.
struct Key {
    bytes: [u8; 1 + MAX_ID_LENGTH],
    length: usize,
}

impl Key {
    fn new(kind: u8, id: &[u8]) -> Key {
        let mut bytes = [0; 1 + MAX_ID_LENGTH];
        bytes[0] = kind;
        bytes[1..=id.len()].copy_from_slice(id);
        Key { bytes, length: 1 + id.len() }
    }

    fn of(kind: u8, id: SessionId<'_>) -> Key {
        Key::new(kind, id.as_bytes())
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Buffer {
    /// The buffer in `live`, which was opened at `place`.
    pub fn new(live: Live, place: Place, owner: Arc<Owner>, shared: Arc<Shared>) -> Buffer {
        Buffer {
            live: RwLock::new(live),
            place,
            owner,
            shared,
            noted: AtomicBool::new(false),
            pending: AtomicU64::new(0),
            full_grown: AtomicBool::new(false),
        }
    }

    /// Looks a session up.
    pub fn read(&self, id: SessionId<'_>) -> Result<Lookup> {
        let lookup = self.reading(|_, txn| {
            Ok(match txn.get(Key::of(ENTRY, id).as_bytes())? {
                None => Lookup::Miss,
                Some(value) => match entry::decode(id, value) {
                    Some(Entry::Session(record)) => Lookup::Session(Record {
                        payload: record.payload.into_owned().into(),
                        version: record.version,
                        expires: record.expires,
                    }),
                    Some(Entry::Tombstone) => Lookup::Tombstone,
                    None => {
                        self.shared.add(Counter::DamagedValues, 1);
                        Lookup::Miss
                    }
                },
            })
        })?;
        let counter = if lookup == Lookup::Miss { Counter::BufferMisses } else { Counter::BufferHits };
        self.shared.add(counter, 1);
        Ok(lookup)
    }

    /// Keeps `value` if `allowed` agrees to what is there now. `unflushed`: the store lacks it.
    pub fn put(
        &self,
        id: SessionId<'_>,
        value: Value<'_>,
        unflushed: bool,
        allowed: &dyn Fn(Option<Stamp>) -> bool,
    ) -> Result<Put> {
        let length = match value {
            Value::Session(record) => HEADER + record.payload.len(),
            Value::Tombstone => HEADER,
        };
        let entry_key = Key::of(ENTRY, id);
        self.transact(length, unflushed, |txn| {
            // A damaged entry is none: it must not decide what happens to a sound one.
            let there = txn.get(entry_key.as_bytes())?.and_then(|value| Stamp::of_entry(id.as_bytes(), value));
            if !allowed(there) {
                return Ok(Put::Refused);
            }
            txn.put(entry_key.as_bytes(), length, |out| match value {
                Value::Session(record) => entry::encode_session(id, record, out),
                Value::Tombstone => out.copy_from_slice(&entry::encode_tombstone(id)),
            })?;
            if unflushed && txn.put_marker(Key::of(UNFLUSHED, id).as_bytes())? {
                self.pending.fetch_add(length as u64, Ordering::Relaxed);
            }
            Ok(Put::Done)
        })
    }

    /// Forgets what it has about `id`, flushed or not.
    pub fn remove(&self, id: SessionId<'_>) -> Result<Put> {
        self.transact(0, false, |txn| forget(txn, id.as_bytes()).map(|()| Put::Done))
    }

    /// Whether the collector may take `id` from the store: the buffer has no live session of that id.
    /// An expired one that it has goes at once.
    pub fn collect(&self, id: SessionId<'_>, now: i64) -> Result<bool> {
        let is_live =
            |stamp: Option<Stamp>| stamp.is_some_and(|stamp| stamp.is_tombstone() || !stamp.expires().is_past(now));
        let entry_key = Key::of(ENTRY, id);
        let stamp = |value: &[u8]| Stamp::of_entry(id.as_bytes(), value);
        match self.reading(|_, txn| Ok(txn.get(entry_key.as_bytes())?.map(stamp)))? {
            None => return Ok(true),
            Some(stamp) if is_live(stamp) => return Ok(false),
            Some(_) => {}
        }
        let removed = self.transact(0, false, |txn| {
            if is_live(txn.get(entry_key.as_bytes())?.and_then(stamp)) {
                return Ok(Put::Refused);
            }
            forget(txn, id.as_bytes()).map(|()| Put::Done)
        })?;
        Ok(removed == Put::Done)
    }

    /// Frees the reader slots of processes that died.
    pub fn clear_dead_readers(&self) {
        let _ = self.live.read().env.clear_dead_readers();
    }

    /// What phpinfo shows.
    pub fn report(&self) -> Result<Report> {
        self.reading(|live, txn| {
            let usage = txn.usage();
            let mut unflushed = 0;
            txn.scan(&[UNFLUSHED], &mut |key, _| {
                if key.first() != Some(&UNFLUSHED) {
                    return ControlFlow::Break(());
                }
                unflushed += 1;
                ControlFlow::Continue(())
            })?;
            Ok(Report {
                path: live.directory.display().to_string(),
                why_on_disk: live.why_on_disk.clone(),
                size: live.max_size,
                used: usage.bytes,
                entries: usage.keys.saturating_sub(unflushed),
                unflushed,
            })
        })
    }

    /// The largest payload worth keeping here; larger ones go straight to the store.
    pub fn largest_entry(&self) -> usize {
        (self.size() / 8) as usize
    }

    /// How large it may become.
    fn size(&self) -> u64 {
        let live = self.live.read();
        if self.full_grown.load(Ordering::Relaxed) { live.env.extent().0 } else { live.max_size }
    }

    /// Runs `look` in a read transaction.
    fn reading<T>(&self, look: impl FnOnce(&Live, &Read<'_>) -> Result<T, Code>) -> Result<T> {
        let mut tries = 0;
        loop {
            tries += 1;
            let live = self.live.read();
            if live.is_unlinked() {
                drop(live);
                self.reopen()?;
                continue;
            }
            let trouble = match live.env.read() {
                Ok(txn) => return look(&live, &txn).map_err(failed),
                Err(code) => code,
            };
            match trouble {
                // Another process made the file larger.
                Code::MAP_RESIZED if tries < MOST_TRIES => {
                    drop(live);
                    self.grow()?;
                }
                // Readers that were killed leave their places taken.
                Code::READERS_FULL if tries < MOST_TRIES => {
                    live.env.clear_dead_readers().map_err(failed)?;
                }
                code => return Err(failed(code)),
            }
        }
    }

    /// Runs `change` in a write transaction and commits it if it says [`Put::Done`]; makes room first where it
    /// is needed for `length` bytes more. `unflushed`: the store lacks what is written.
    fn transact(
        &self,
        length: usize,
        unflushed: bool,
        mut change: impl FnMut(&mut Write<'_>) -> Result<Put, Code>,
    ) -> Result<Put> {
        let mut begun = None;
        let mut tries = 0;
        loop {
            tries += 1;
            let live = self.live.read();
            let inside = self.enter();
            let txn = live.env.write();
            if matches!(txn, Err(Code::MAP_RESIZED)) && tries < MOST_TRIES {
                drop((txn, inside));
                drop(live);
                self.grow()?;
                continue;
            }
            let mut txn = txn.map_err(failed)?;
            // Looked at inside the transaction: whoever carries the old file's entries over into a new one waits
            // for this transaction, so an entry is either carried over or never written to the old file.
            if live.is_unlinked() {
                drop((txn, inside));
                drop(live);
                self.reopen()?;
                continue;
            }
            if unflushed && !self.noted.load(Ordering::Relaxed) {
                self.owner.note_changes(live.epoch, true)?;
                self.noted.store(true, Ordering::Relaxed);
            }
            let short = length > 0 && room::is_short(&live, &txn, length);
            if !short {
                let done = change(&mut txn).and_then(|put| match put {
                    Put::Done => txn.commit().map(|()| put),
                    _ => Ok(put),
                });
                if done != Err(Code::MAP_FULL) {
                    return done.map_err(failed);
                }
                // A reader that was killed pins its pages until it is cleared away.
                if live.env.clear_dead_readers().map_err(failed)? > 0 {
                    continue;
                }
            } else {
                drop(txn);
            }
            drop((inside, live));
            let begun = begun.get_or_insert_with(Instant::now);
            match self.make_room(length)? {
                Room::Made => {}
                Room::AllUnflushed => return Ok(Put::Full),
                // Somebody reads at this moment, and the pages of that moment cannot be used again until the read
                // is over, which takes microseconds.
                Room::Pinned if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_micros(200)),
                Room::Pinned => return Ok(Put::Full),
            }
        }
    }

    /// Waits for other writers. Dropped after the transaction.
    fn enter(&self) -> Inside<'_> {
        Gate(self.shared.gate()).enter()
    }

    fn grow(&self) -> Result<bool> {
        let _opening = self.owner.open_lock()?;
        self.live.write().grow()
    }
}

fn failed(code: Code) -> Error {
    let kind = if code.is_damage() { ErrorKind::Damaged } else { Error::io("", &code.to_io()).kind() };
    Error::new(kind, format!("the session buffer failed: {}", code.to_io()))
}

/// Removes an entry, flushed or not.
fn forget(txn: &mut Write<'_>, id: &[u8]) -> Result<(), Code> {
    txn.delete(Key::new(ENTRY, id).as_bytes())?;
    txn.delete(Key::new(UNFLUSHED, id).as_bytes()).map(drop)
}

/// Whether a value is an entry of this id.
fn is_sound(id: &[u8], value: &[u8]) -> bool {
    SessionId::parse(id).is_ok_and(|id| entry::decode(id, value).is_some())
}
