//! The buffer: sessions in memory that all processes of one user share, in front of one store.
//!
//! It is a file in `/dev/shm` ([`place`]), which has to survive processes that are killed at any instant, but not the
//! machine. Entries are written one behind the other into segments (`writer`), each once and never changed again; an
//! index of words that change by compare-and-swap (`index`) says where the entry of an id is. A new state of a session
//! is a new entry and a word swung to it: who is killed before that has done nothing, who is killed afterwards is done.
//! Segments that were filled are cleared and used anew (`reclaim`); what the store lacks moves on and is never evicted.
//! As long as the file is there no request waits here for another one that has stopped or died.
//!
//! Only who holds the host lock of an id changes its entry; the flusher and the collector go by [`Stamp`]s and
//! expiries instead. Without locking several change it, and each is asked anew about what it finds.

mod copy;
pub mod epoch;
mod frame;
mod index;
mod layout;
mod memory;
pub mod place;
mod reclaim;
mod reopen;
#[cfg(test)]
mod schedule;
mod segment;
#[cfg(test)]
mod tests;
mod turning;
mod unflushed;
mod writer;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::RwLock;

use crate::entry::{self, Entry, HEADER, Stamp};
use crate::error::Result;
use crate::owner::Owner;
use crate::record::{Record, SessionId, now};
use crate::shared::{Counter, Shared};
use index::{Inserted, Key, Slot};
use place::{Live, Place};
pub use unflushed::{Search, Unflushed};
use writer::Writer;

/// How long a process waits for another to carry over the changes of a deleted buffer. It does so within its flush
/// interval.
pub const LONGEST_DRAIN: Duration = Duration::from_secs(10);

/// The buffer of one store, as this process sees it.
pub struct Buffer {
    live: RwLock<Live>,
    place: Place,
    owner: Arc<Owner>,
    shared: Arc<Shared>,
    /// Whether this process has noted that it has changes in the live file. Set with a reader's hold on `live`, cleared
    /// with a writer's.
    noted: AtomicBool,
    /// When this process last looked whether the file was deleted, in seconds since 1970.
    looked: AtomicI64,
    /// Bytes that have become unflushed by this process since a flush was last asked for early.
    pending: AtomicU64,
    /// Has the background thread come by.
    waker: OnceLock<Box<dyn Fn() + Send + Sync>>,
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
    /// Bytes in use, of entries that were replaced as well.
    pub used: u64,
    /// Sessions and tombstones.
    pub entries: u64,
    /// Those the store lacks.
    pub unflushed: u64,
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
            looked: AtomicI64::new(0),
            pending: AtomicU64::new(0),
            waker: OnceLock::new(),
        }
    }

    /// Says what to do when this process has carried something over, which is to be flushed.
    pub fn wake_by(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.waker.set(Box::new(wake));
    }

    /// Looks a session up.
    pub fn read(&self, id: SessionId<'_>) -> Result<Lookup> {
        let found = self.reading(|live| {
            let key = Key::of(&live.memory, id);
            let (found, parts) = index::find(&live.memory, &key, |frame| (frame.header(), frame.bytes_from(HEADER)))?;
            live.memory.expect_entry(found.units);
            if !found.slot.is_used() {
                // If it fails, somebody has just done more with it.
                found.swing(found.slot.with_used(true));
            }
            Some(parts)
        })?;
        let Some((header, rest)) = found else {
            self.shared.add(Counter::BufferMisses, 1);
            return Ok(Lookup::Miss);
        };
        Ok(match entry::decode_parts(id, &header, rest) {
            Some(entry) => {
                self.shared.add(Counter::BufferHits, 1);
                match entry {
                    Entry::Session(record) => Lookup::Session(record.into_owned()),
                    Entry::Tombstone => Lookup::Tombstone,
                }
            }
            None => {
                self.shared.add(Counter::DamagedValues, 1);
                self.shared.add(Counter::BufferMisses, 1);
                Lookup::Miss
            }
        })
    }

    /// Keeps `value` if `allowed` agrees to what is there now. `unflushed`: the store lacks it.
    pub fn put(
        &self,
        id: SessionId<'_>,
        value: Value<'_>,
        unflushed: bool,
        allowed: &dyn Fn(Option<Stamp>) -> bool,
    ) -> Result<Put> {
        let (header, payload, visitor): (_, &[u8], &[u8]) = match value {
            Value::Session(record) => entry::session_parts(id, record),
            Value::Tombstone => (entry::encode_tombstone(id), &[], &[]),
        };
        let units = frame::units(id.as_bytes().len(), HEADER + payload.len() + visitor.len());
        let mut again = false;
        self.changing(unflushed, |live| {
            let mut writer = live.writer(&self.shared);
            let memory = &live.memory;
            let key = Key::of(memory, id);
            let mut written = None;
            loop {
                // A damaged entry is none: it must not decide what happens to a sound one.
                let found = index::find(memory, &key, |frame| Stamp::of_entry(id.as_bytes(), &frame.header()));
                let there = found.and_then(|(_, stamp)| stamp);
                if again && there.is_some() && there == Stamp::of(&header) {
                    // It was put into a file that was deleted just then, and somebody has carried it over.
                    return Ok(Put::Done);
                }
                if !allowed(there) {
                    return Ok(Put::Refused);
                }
                let spot = match written {
                    Some(spot) => spot,
                    None if found.is_none() && !index::has_room(memory, &key) => return Ok(Put::Full),
                    None => match writer.take(units)? {
                        Some(spot) => {
                            frame::write(memory, spot.unit, id.as_bytes(), &header, payload, visitor);
                            memory.touch(key.bucket, spot.unit);
                            spot
                        }
                        None => return Ok(Put::Full),
                    },
                };
                written = Some(spot);
                let slot = Slot::new(&key, spot, unflushed);
                match found {
                    Some((found, _)) => {
                        let slot = Slot::new(&key, spot, unflushed || found.slot.is_unflushed()).with_used(true);
                        if !found.swing(slot) {
                            continue;
                        }
                        memory.count(found.slot.unit(), -(found.units as i64), found.slot.is_unflushed());
                        memory.count(spot.unit, units as i64, slot.is_unflushed());
                        if slot.is_unflushed() && !found.slot.is_unflushed() {
                            self.pending.fetch_add(units * 64, Ordering::Relaxed);
                        }
                    }
                    None => {
                        match index::insert(memory, &key, slot, &mut |slot, units| writer.evicted(slot, units)) {
                            Inserted::Done => {}
                            Inserted::Raced => continue,
                            Inserted::Full => return Ok(Put::Full),
                        }
                        memory.count(spot.unit, units as i64, unflushed);
                        if unflushed {
                            self.pending.fetch_add(units * 64, Ordering::Relaxed);
                        }
                    }
                }
                if unflushed {
                    memory.note_unflushed(key.bucket);
                }
                again = true;
                return Ok(Put::Done);
            }
        })
    }

    /// Forgets what it has about `id`, flushed or not, as the store is to have something newer.
    pub fn remove(&self, id: SessionId<'_>) -> Result<()> {
        self.changing(false, |live| {
            self.note_flushing(live);
            take_out(live, id, &|_| true);
            Ok(())
        })
    }

    /// Whether the collector may take `id` from the store: the buffer has no live session of that id.
    /// An expired one that it has goes at once.
    pub fn collect(&self, id: SessionId<'_>, now: i64) -> Result<bool> {
        let is_over =
            |stamp: Option<Stamp>| stamp.is_none_or(|stamp| !stamp.is_tombstone() && stamp.expires().is_past(now));
        self.changing(false, |live| Ok(take_out(live, id, &is_over)))
    }

    /// Lets go of the segment that this process writes to; it takes one again when it has something to write.
    pub fn rest(&self) -> Result<()> {
        self.live.read().writer(&self.shared).rest()
    }

    /// What phpinfo shows.
    pub fn report(&self) -> Result<Report> {
        self.reading(|live| {
            let memory = &live.memory;
            let (mut entries, mut unflushed) = (0, 0);
            for cell in memory.buckets().as_flattened() {
                let slot = Slot(cell.load(Ordering::Relaxed));
                if !slot.is_free() && !slot.is_announced() {
                    entries += 1;
                    unflushed += u64::from(slot.is_unflushed());
                }
            }
            let units = memory.layout().units();
            let taken: u64 = memory.segments().iter().map(|segment| segment.taken(units)).sum();
            Report {
                path: live.directory.display().to_string(),
                why_on_disk: live.why_on_disk.clone(),
                size: memory.layout().size,
                used: memory.layout().end_of(0) + taken * layout::UNIT,
                entries,
                unflushed,
            }
        })
    }

    /// Whether it takes a session of this size; larger ones go straight to the store.
    pub fn takes(&self, record: &Record<'_>) -> bool {
        let length = HEADER + record.payload.len() + record.visitor.as_bytes().len();
        length <= frame::longest(self.live.read().memory.layout().segment)
    }

    /// Whether a file is to be used no more, as it was deleted: at once where somebody has made another one, else seen
    /// within a second (`epoch`).
    fn is_outdated(&self, live: &Live) -> bool {
        let now = now();
        self.shared.is_retired(live.epoch)
            || (self.looked.load(Ordering::Relaxed) != now && {
                self.looked.store(now, Ordering::Relaxed);
                live.is_unlinked()
            })
    }

    /// Has the next use of the file see whether it was deleted, however short ago that was last looked at.
    pub fn look_again(&self) {
        self.looked.store(0, Ordering::Relaxed);
    }

    /// Runs `look` on a file that was in use when this began.
    fn reading<T>(&self, mut look: impl FnMut(&Live) -> T) -> Result<T> {
        loop {
            let live = self.live.read();
            if !self.is_outdated(&live) {
                return Ok(look(&live));
            }
            drop(live);
            self.reopen()?;
        }
    }

    /// Runs `change`, and again if the file was deleted before it was done. `unflushed`: the store lacks what is changed.
    fn changing<T>(&self, unflushed: bool, mut change: impl FnMut(&Live) -> Result<T>) -> Result<T> {
        loop {
            let live = self.live.read();
            if unflushed && !self.noted.load(Ordering::Relaxed) {
                self.owner.note_changes(live.epoch, true)?;
                self.noted.store(true, Ordering::Relaxed);
                self.look_again();
            }
            let changed = change(&live)?;
            // Looked at afterwards: whoever carries the old file's entries over does so after it was retired, so a
            // change made before is either seen by it, or made once more.
            fence(Ordering::SeqCst);
            if !self.is_outdated(&live) {
                return Ok(changed);
            }
            drop(live);
            self.reopen()?;
        }
    }
}

impl Writer<'_> {
    /// Counts an entry that made room for another one.
    fn evicted(&self, slot: Slot, units: u64) {
        self.memory.count(slot.unit(), -(units as i64), slot.is_unflushed());
        self.shared.add(Counter::BufferEvictions, 1);
    }
}

/// Takes the entry of an id out, if its stamp is as wanted; `None`: it is damaged. Returns whether there is none now.
fn take_out(live: &Live, id: SessionId<'_>, wanted: &dyn Fn(Option<Stamp>) -> bool) -> bool {
    let key = Key::of(&live.memory, id);
    while let Some((found, stamp)) =
        index::find(&live.memory, &key, |frame| Stamp::of_entry(id.as_bytes(), &frame.header()))
    {
        if !wanted(stamp) {
            return false;
        }
        if found.swing(Slot::FREE) {
            live.memory.count(found.slot.unit(), -(found.units as i64), found.slot.is_unflushed());
        }
    }
    true
}

/// Whether a value is an entry of this id.
fn is_sound(id: SessionId<'_>, value: &[u8]) -> bool {
    entry::decode(id, value).is_some()
}
