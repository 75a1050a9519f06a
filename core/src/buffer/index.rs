//! The index of the buffer: where the entry of an id is, in one word that changes by compare-and-swap alone.
//!
//! The hash of an id picks a bucket of eight slots. A slot is a 64-bit word, zero if it is free:
//!
//! ```text
//! bits    meaning
//! 0       the store lacks the entry
//! 1       the entry was read since it came, or is not the first of its session
//! 2       the entry is only announced: an insert is under way
//! 3..20   the last 17 bits of the number of its segment's use, so that a slot seen long ago is not taken for the same
//!         when its segment has been used anew
//! 20..32  12 more bits of the hash of the id
//! 32..64  where the entry stands (buffer::frame), in units of 64 bytes
//! ```
//! The entry of an id is changed by swinging its slot from the word that was seen to a new one, so of two who saw the
//! same one wins and the other looks again. Nothing is ever locked, and whoever is killed in between leaves a slot as it
//! was before or as it is afterwards.
//!
//! Two who both find nothing under an id must not both insert. So an insert announces itself in a slot, looks at the
//! others of the bucket, and only then makes the slot valid. All of these are sequentially consistent, so of two that
//! announce themselves in different slots the later one sees the earlier. Who sees a valid entry of its id, or an
//! announcement in a slot before its own, takes its own back and begins anew; who sees one behind its own takes that one
//! away. An announcement already there is replaced where it stands: its owner, if it still lives, finds it gone and
//! begins anew, and one whose owner was killed keeps nobody waiting.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use twox_hash::XxHash3_64;

use super::frame::Frame;
use super::layout::BUCKET;
use super::memory::Memory;
use crate::record::SessionId;

const UNFLUSHED: u64 = 1;
const USED: u64 = 2;
const ANNOUNCED: u64 = 4;
const USE_AT: u32 = 3;
const USE_MASK: u64 = (1 << 17) - 1;
const TAG_AT: u32 = 20;
const TAG_MASK: u64 = (1 << 12) - 1;
const UNIT_AT: u32 = 32;

/// The content of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(pub u64);

impl Slot {
    /// A free one.
    pub const FREE: Slot = Slot(0);

    /// A slot for an entry under `key`, at a place in a segment that is in its `number`th use.
    pub fn new(key: &Key<'_>, spot: Spot, unflushed: bool) -> Slot {
        Slot(u64::from(unflushed) | (spot.number & USE_MASK) << USE_AT | key.tag << TAG_AT | spot.unit << UNIT_AT)
    }

    /// Where the entry stands.
    pub fn unit(self) -> u64 {
        self.0 >> UNIT_AT
    }

    /// Whether nothing is there.
    pub fn is_free(self) -> bool {
        self.0 == 0
    }

    /// Whether the store lacks the entry.
    pub fn is_unflushed(self) -> bool {
        self.0 & UNFLUSHED != 0
    }

    /// Whether the entry deserves to stay when room is made.
    pub fn is_used(self) -> bool {
        self.0 & USED != 0
    }

    /// Whether the entry is not valid yet.
    pub fn is_announced(self) -> bool {
        self.0 & ANNOUNCED != 0
    }

    /// The same, used or not.
    pub fn with_used(self, used: bool) -> Slot {
        Slot(if used { self.0 | USED } else { self.0 & !USED })
    }

    /// The same, of an entry that the store has.
    pub fn flushed(self) -> Slot {
        Slot(self.0 & !UNFLUSHED)
    }

    fn announced(self) -> Slot {
        Slot(self.0 | ANNOUNCED)
    }

    /// The same entry, copied to another place.
    pub fn moved_to(self, spot: Spot) -> Slot {
        let kept = self.0 & (UNFLUSHED | USED | TAG_MASK << TAG_AT);
        Slot(kept | (spot.number & USE_MASK) << USE_AT | spot.unit << UNIT_AT)
    }

    fn has_tag_of(self, key: &Key<'_>) -> bool {
        self.0 >> TAG_AT & TAG_MASK == key.tag && self.0 != 0
    }
}

/// A place in a segment.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    /// In units from the beginning of the file.
    pub unit: u64,
    /// The number of the segment's use.
    pub number: u64,
}

/// An id, and where the index would have it.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The id.
    pub id: SessionId<'a>,
    /// The number of its bucket.
    pub bucket: usize,
    tag: u64,
}

impl<'a> Key<'a> {
    /// The key of an id in this buffer.
    pub fn of(memory: &Memory, id: SessionId<'a>) -> Key<'a> {
        let hash = XxHash3_64::oneshot_with_seed(memory.salt(), id.as_bytes());
        // The upper half of the hash spread over the buckets; the tag is of the lower half.
        let bucket = ((hash >> 32) * memory.layout().buckets) >> 32;
        Key { id, bucket: bucket as usize, tag: hash & TAG_MASK }
    }

    /// Whether a slot of this bucket may be the id's.
    pub fn leads_to(&self, bucket: usize, slot: Slot) -> bool {
        self.bucket == bucket && slot.has_tag_of(self)
    }
}

/// A valid slot of an id.
#[derive(Debug, Clone, Copy)]
pub struct Found<'m> {
    /// The place of the slot.
    pub cell: &'m AtomicU64,
    /// What it was.
    pub slot: Slot,
    /// The units of the entry.
    pub units: u64,
}

impl Found<'_> {
    /// Changes the slot, if it is still as it was found.
    pub fn swing(&self, to: Slot) -> bool {
        step();
        // Release: who finds the entry by the new slot sees all of it. Acquire: what follows comes after it.
        self.cell.compare_exchange(self.slot.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// What became of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is there.
    Done,
    /// Somebody else was quicker; look again.
    Raced,
    /// Every slot of the bucket has an entry that the store lacks.
    Full,
}

/// In tests: a moment at which another process may come in between (buffer::schedule).
#[inline(always)]
fn step() {
    #[cfg(test)]
    super::schedule::step();
}

fn load(cell: &AtomicU64, order: Ordering) -> Slot {
    step();
    Slot(cell.load(order))
}

/// Changes a slot, if it is as it was seen, in one order with all others of this kind.
fn swap(cell: &AtomicU64, seen: Slot, to: Slot) -> bool {
    step();
    cell.compare_exchange(seen.0, to.0, Ordering::SeqCst, Ordering::Relaxed).is_ok()
}

fn bucket<'m>(memory: &'m Memory, key: &Key<'_>) -> &'m [AtomicU64; BUCKET] {
    &memory.buckets()[key.bucket]
}

/// Looks at the entry of an id. What `look` returns is of an entry that was the valid one of the id while it looked.
pub fn find<'m, T>(memory: &'m Memory, key: &Key<'_>, look: impl Fn(&Frame<'m>) -> T) -> Option<(Found<'m>, T)> {
    let cells = bucket(memory, key);
    'again: loop {
        // Acquire: an entry is read after the slot that leads to it, and is there as it was written before that was set.
        let seen: [Slot; BUCKET] = std::array::from_fn(|number| load(&cells[number], Ordering::Acquire));
        for (cell, slot) in cells.iter().zip(seen) {
            if !slot.has_tag_of(key) || slot.is_announced() {
                continue;
            }
            let Some(frame) = Frame::at(memory, slot.unit()).filter(|frame| frame.is_of(key.id.as_bytes())) else {
                continue;
            };
            let looked = look(&frame);
            // Acquire: the slot is looked at once more after the entry was read. As long as it stands, nobody gives
            // the place of its entry to another.
            fence(Ordering::Acquire);
            if load(cell, Ordering::Relaxed) != slot {
                continue 'again;
            }
            return Some((Found { cell, slot, units: frame.units() }, looked));
        }
        // Nothing; which is only certain if nothing moved from one slot to another while we looked.
        fence(Ordering::Acquire);
        if cells.iter().zip(seen).all(|(cell, seen)| load(cell, Ordering::Relaxed) == seen) {
            return None;
        }
    }
}

/// Whether a slot is of an entry of this id. What it said may be outdated when it is said.
fn is_of(memory: &Memory, key: &Key<'_>, slot: Slot) -> bool {
    slot.has_tag_of(key) && Frame::at(memory, slot.unit()).is_some_and(|frame| frame.is_of(key.id.as_bytes()))
}

/// Whether the bucket has a slot for one more entry, or one that may be evicted.
pub fn has_room(memory: &Memory, key: &Key<'_>) -> bool {
    bucket(memory, key)
        .iter()
        .map(|cell| load(cell, Ordering::Relaxed))
        .any(|slot| slot.is_announced() || !slot.is_unflushed())
}

/// Inserts a slot where [`find`] found none. `evicted` is told of a clean entry that had to make room for it.
pub fn insert(memory: &Memory, key: &Key<'_>, slot: Slot, evicted: &mut dyn FnMut(Slot, u64)) -> Inserted {
    let cells = bucket(memory, key);
    let seen: [Slot; BUCKET] = std::array::from_fn(|number| load(&cells[number], Ordering::SeqCst));
    // Valid since the look that found none: it must not be what makes room.
    if seen.iter().any(|slot| !slot.is_announced() && is_of(memory, key, *slot)) {
        return Inserted::Raced;
    }
    let place = |wanted: &dyn Fn(Slot) -> bool| seen.iter().position(|slot| wanted(*slot));
    let Some(at) = place(&|slot| slot.is_announced() && is_of(memory, key, slot))
        .or_else(|| place(&|slot| slot.is_free()))
        .or_else(|| place(&|slot| !slot.is_unflushed() && !slot.is_used()))
        .or_else(|| place(&|slot| !slot.is_unflushed()))
        .or_else(|| place(&|slot| slot.is_announced()))
    else {
        return Inserted::Full;
    };
    let before = seen[at];
    let units = Frame::at(memory, before.unit()).map_or(0, |frame| frame.units());
    let mine = slot.announced();
    if !swap(&cells[at], before, mine) {
        return Inserted::Raced;
    }
    if !before.is_free() && !before.is_announced() {
        evicted(before, units);
    }
    for (number, cell) in cells.iter().enumerate().filter(|(number, _)| *number != at) {
        loop {
            let other = load(cell, Ordering::SeqCst);
            if !is_of(memory, key, other) {
                fence(Ordering::Acquire);
                // Read while somebody else wrote there: then it says nothing.
                if other.has_tag_of(key) && load(cell, Ordering::SeqCst) != other {
                    continue;
                }
                break;
            }
            if other.is_announced() && number > at {
                if swap(cell, other, Slot::FREE) {
                    break;
                }
                continue;
            }
            // If it is not there any more, that is how it was to be.
            swap(&cells[at], mine, Slot::FREE);
            return Inserted::Raced;
        }
    }
    if swap(&cells[at], mine, slot) { Inserted::Done } else { Inserted::Raced }
}
