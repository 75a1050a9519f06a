//! What the store lacks: found by a look through the index, brought to the store by the flusher, and marked as flushed.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::frame::Frame;
use super::index::{self, Key, Slot};
use super::memory::Memory;
use super::place::Live;
use super::{Buffer, is_sound};
use crate::entry::Stamp;
use crate::error::Result;
use crate::record::SessionId;
use crate::shared::Counter;

/// The part of the buffer that may become unflushed before a flush is asked for early.
const PRESSING_SHARE: u64 = 16;

/// An entry that the store lacks.
#[derive(Debug)]
pub struct Unflushed {
    /// The id.
    pub id: Box<[u8]>,
    /// The encoded entry; `None`: it is damaged, and goes.
    pub entry: Option<Box<[u8]>>,
}

/// Where to look for what the store lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Everywhere.
    Everywhere,
    /// Where something was put lately: all of it, unless somebody was killed at a bad moment.
    Lately,
}

impl Memory {
    /// The slots of entries that the store lacks, each with its bucket.
    pub fn unflushed_slots(&self, groups: [u64; 16]) -> Vec<(usize, &AtomicU64)> {
        let mut found = Vec::new();
        self.each_bucket(groups, |number, bucket| {
            found.extend(bucket.iter().filter(|cell| is_unflushed(cell)).map(|cell| (number, cell)));
        });
        found
    }

    /// Takes the groups in which something was put since they were last taken. Who takes them sets those anew in which it
    /// leaves something.
    fn take_unflushed_groups(&self) -> [u64; 16] {
        let groups = &self.first_page().unflushed;
        // A slot that was set before its bit was taken is found by the look that follows.
        std::array::from_fn(|number| match groups[number].load(Ordering::Relaxed) {
            0 => 0,
            _ => groups[number].swap(0, Ordering::SeqCst),
        })
    }

    /// Notes that an entry which the store lacks was put into a bucket.
    pub fn note_unflushed(&self, bucket: usize) {
        self.set_group(&self.first_page().unflushed, bucket);
    }

    /// Reads the entry of a slot. `None`: it is flushed, gone, or damaged, and then dropped; `damaged` counts those.
    pub fn read_unflushed<T>(
        &self,
        bucket: usize,
        cell: &AtomicU64,
        damaged: &mut u64,
        read: impl Fn(Box<[u8]>, &Frame<'_>) -> T,
    ) -> Option<(Slot, T)> {
        loop {
            // Acquire: the entry is read after the slot that leads to it, and the slot is looked at once more afterwards.
            let slot = Slot(cell.load(Ordering::Acquire));
            if !slot.is_unflushed() || slot.is_announced() {
                return None;
            }
            let entry = Frame::at(self, slot.unit()).and_then(|frame| {
                let id = frame.id();
                let fits = SessionId::parse(&id).is_ok_and(|id| Key::of(self, id).leads_to(bucket, slot));
                fits.then(|| read(id, &frame))
            });
            fence(Ordering::Acquire);
            if cell.load(Ordering::Relaxed) != slot.0 {
                continue;
            }
            if let Some(entry) = entry {
                return Some((slot, entry));
            }
            if cell.compare_exchange(slot.0, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                *damaged += 1;
                return None;
            }
        }
    }

    /// Whether the store lacks anything.
    fn has_unflushed(&self) -> bool {
        self.buckets().as_flattened().iter().any(is_unflushed)
    }
}

fn is_unflushed(cell: &AtomicU64) -> bool {
    let slot = Slot(cell.load(Ordering::Relaxed));
    slot.is_unflushed() && !slot.is_announced()
}

impl Buffer {
    /// Whether the store lacks what the buffer has under `id`.
    pub fn is_unflushed(&self, id: SessionId<'_>) -> Result<bool> {
        self.reading(|live| {
            let found = index::find(&live.memory, &Key::of(&live.memory, id), |_| ());
            found.is_some_and(|(found, ())| found.slot.is_unflushed())
        })
    }

    /// The ids of the entries that the store lacks, in order: neighbours lie together in the store.
    pub fn unflushed(&self, search: Search) -> Result<Vec<Box<[u8]>>> {
        let (mut ids, damaged) = self.reading(|live| {
            let memory = &live.memory;
            let taken = memory.take_unflushed_groups();
            let groups = if search == Search::Everywhere { Memory::ALL } else { taken };
            let (mut ids, mut damaged) = (Vec::new(), 0);
            for (bucket, cell) in memory.unflushed_slots(groups) {
                if let Some((_, id)) = memory.read_unflushed(bucket, cell, &mut damaged, |id, _| id) {
                    // It may stay so: the store may fail, and it may change before it is settled.
                    memory.note_unflushed(bucket);
                    ids.push(id);
                }
            }
            if ids.is_empty() && search == Search::Everywhere {
                // What processes that were killed have left behind in the sums.
                memory.segments().iter().for_each(|place| place.unflushed.store(0, Ordering::Relaxed));
            }
            (ids, damaged)
        })?;
        self.count_damaged(damaged);
        ids.sort_unstable();
        Ok(ids)
    }

    /// Notes that from now on the store may have newer states than any buffer before this one (`buffer::epoch`).
    pub(super) fn note_flushing(&self, live: &Live) {
        // Mostly it is noted.
        if self.shared.flushed_epoch().load(Ordering::Relaxed) < live.epoch {
            self.shared.flushed_epoch().fetch_max(live.epoch, Ordering::SeqCst);
        }
    }

    /// The next entries of `ids` that the store still lacks: up to `most`, of little more than `most_bytes` together.
    pub fn fetch(
        &self,
        ids: &mut impl Iterator<Item = Box<[u8]>>,
        most: usize,
        most_bytes: usize,
    ) -> Result<Vec<Unflushed>> {
        self.reading(|live| {
            self.note_flushing(live);
            let (mut fetched, mut bytes) = (Vec::new(), 0);
            while fetched.len() < most && bytes < most_bytes {
                let Some(id) = ids.next() else { break };
                let Ok(key) = SessionId::parse(&id).map(|id| Key::of(&live.memory, id)) else { continue };
                let found = index::find(&live.memory, &key, |frame| frame.bytes_from(0));
                let Some((found, entry)) = found.filter(|(found, _)| found.slot.is_unflushed()) else { continue };
                bytes += found.units as usize * 64;
                let entry = is_sound(key.id, &entry).then(|| entry.into_boxed_slice());
                fetched.push(Unflushed { id, entry });
            }
            fetched
        })
    }

    /// Notes that the store has these entries now. One that has changed since stays unflushed, and so does a
    /// tombstone unless `may_forget` says that nobody needs it any more. Damaged ones go.
    /// Returns how many are unflushed no longer.
    pub fn settle(&self, flushed: &[Unflushed], may_forget: &mut dyn FnMut(&[u8]) -> bool) -> Result<usize> {
        let (settled, damaged) = self.reading(|live| {
            let (mut settled, mut damaged) = (0, 0);
            for Unflushed { id, entry } in flushed {
                let Ok(key) = SessionId::parse(id).map(|id| Key::of(&live.memory, id)) else { continue };
                match entry.as_deref().and_then(Stamp::of) {
                    Some(stamp) => settled += usize::from(settle(live, &key, stamp, may_forget)),
                    None => {
                        let dropped = drop_damaged(live, &key);
                        settled += usize::from(dropped);
                        damaged += u64::from(dropped);
                    }
                }
            }
            (settled, damaged)
        })?;
        self.count_damaged(damaged);
        Ok(settled)
    }

    fn count_damaged(&self, damaged: u64) {
        if damaged > 0 {
            self.shared.add(Counter::DamagedValues, damaged);
        }
    }

    /// Goes on with a new file if this one was deleted.
    pub fn follow(&self) -> Result<()> {
        self.reading(|_| ())
    }

    /// Whether anything is unflushed; if not, it is noted that this process has no changes in the buffer.
    pub fn has_unflushed(&self) -> Result<bool> {
        if self.reading(|live| live.memory.has_unflushed())? {
            return Ok(true);
        }
        if self.noted.load(Ordering::Relaxed) {
            // Nobody in this process writes while `live` is held so, and a look now tells for sure.
            let live = self.live.write();
            if !live.memory.has_unflushed() {
                self.owner.note_changes(live.epoch, false)?;
                self.noted.store(false, Ordering::Relaxed);
            }
        }
        Ok(false)
    }

    /// Whether so much has become unflushed since this was last true that the flusher had better come before its time:
    /// room is only where the store has everything.
    pub fn presses(&self) -> bool {
        let pending = self.pending.load(Ordering::Relaxed);
        let presses = pending > 0 && pending >= self.live.read().size() / PRESSING_SHARE;
        if presses {
            self.pending.store(0, Ordering::Relaxed);
        }
        presses
    }
}

/// Marks an entry as flushed if it is the one with this stamp still.
fn settle(live: &Live, key: &Key<'_>, stamp: Stamp, may_forget: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    loop {
        let found = index::find(&live.memory, key, |frame| Stamp::of(&frame.header()));
        let Some((found, there)) = found else { return false };
        if there != Some(stamp) || !found.slot.is_unflushed() {
            return false;
        }
        let units = -(found.units as i64);
        if stamp.is_tombstone() {
            if !may_forget(key.id.as_bytes()) {
                return false;
            }
            if found.swing(Slot::FREE) {
                live.memory.count(found.slot.unit(), units, true);
                return true;
            }
        } else if found.swing(found.slot.flushed()) {
            live.memory.count_flushed(found.slot.unit(), units);
            return true;
        }
    }
}

/// Drops an entry if it is damaged.
fn drop_damaged(live: &Live, key: &Key<'_>) -> bool {
    loop {
        let found = index::find(&live.memory, key, |frame| frame.bytes_from(0));
        match found {
            Some((found, entry)) if !is_sound(key.id, &entry) => {
                if found.swing(Slot::FREE) {
                    live.memory.count(found.slot.unit(), -(found.units as i64), found.slot.is_unflushed());
                    return true;
                }
            }
            _ => return false,
        }
    }
}
