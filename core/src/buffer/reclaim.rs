//! How a segment is cleared for its next use: what is worth keeping moves to another, the rest is forgotten.
//!
//! Whether anything is left in a segment is not told by counters, which may be wrong, but by a look at every slot of the
//! index that may ever have pointed into it. Whoever clears a segment holds its lock alone, so no new slot can come to
//! point into it: one that was passed stays passed. Who is killed in the middle leaves some of its entries moved and the
//! rest where they were, and the next one clears what is left.
//!
//! As long as the entries that the index points to fill less than three quarters of the buffer, all of a segment's move,
//! and the segment with the fewest goes: what makes room then is what has been replaced. Above that the oldest segment
//! goes, and of its entries only those stay that the store lacks, and some that were used since they came: a second
//! chance, which stands for the order of their last use and costs no bookkeeping but a bit.

use std::sync::atomic::{AtomicU64, Ordering};

use super::frame::Frame;
use super::index::Slot;
use super::layout::Segment;
use super::segment::sum;
use super::writer::Writer;
use crate::error::Result;
use crate::shared::Counter;

/// Above this part of the buffer, entries that the store has too are evicted.
const LIVE_PERCENT: u64 = 75;
/// The part of a segment that may stay for having been used.
const SECOND_CHANCES: u64 = 4;
/// Segments for whose entries there was no room before it is clear that there is none.
const TRIES: usize = 4;

/// What stays of a segment besides what the store lacks.
#[derive(Debug, Clone, Copy)]
enum Keep {
    /// All.
    All,
    /// Used entries of so many units.
    Used(u64),
}

impl Keep {
    /// Whether an entry may stay.
    fn may_keep(self, slot: Slot) -> bool {
        slot.is_unflushed()
            || match self {
                Keep::All => true,
                Keep::Used(most) => most > 0 && slot.is_used(),
            }
    }

    /// Whether one that may stay does; `together`: the units of those that do, with its own.
    fn keeps(self, slot: Slot, together: u64) -> bool {
        match self {
            Keep::Used(most) => slot.is_unflushed() || together <= most,
            Keep::All => true,
        }
    }
}

impl Writer<'_> {
    /// Clears a segment that this process holds alone, if nothing is left in it.
    pub(super) fn clear_if_dead(&self, segment: usize) -> bool {
        let dead = self.count_anew(segment) == 0;
        if dead {
            self.memory.segments()[segment].head.store(0, Ordering::Release);
        }
        dead
    }

    /// Counts what is in a segment that this process holds alone.
    fn count_anew(&self, segment: usize) -> i64 {
        let (mut live, mut unflushed) = (0, 0);
        self.each_slot_in(segment, |_, cell, slot| {
            if slot.is_announced() {
                // Its owner would hold the segment's lock if it lived.
                return cell.compare_exchange(slot.0, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            }
            let units = Frame::at(self.memory, slot.unit()).map_or(1, |frame| frame.units() as i64);
            live += units;
            unflushed += if slot.is_unflushed() { units } else { 0 };
            true
        });
        let place = &self.memory.segments()[segment];
        place.live.store(live, Ordering::Relaxed);
        place.unflushed.store(unflushed, Ordering::Relaxed);
        live
    }

    /// Calls `visit` for each slot that points into a segment, again if it says that the slot has changed.
    fn each_slot_in(&self, segment: usize, mut visit: impl FnMut(usize, &AtomicU64, Slot) -> bool) {
        let layout = self.memory.layout();
        let (first, units) = (layout.first_unit(segment), layout.units());
        let touched = &self.memory.segments()[segment].touched;
        let touched = std::array::from_fn(|number| touched[number].load(Ordering::Relaxed));
        self.memory.each_bucket(touched, |bucket, cells| {
            for cell in cells {
                loop {
                    // Acquire: the entry is read after the slot.
                    let slot = Slot(cell.load(Ordering::Acquire));
                    if slot.unit().wrapping_sub(first) >= units || visit(bucket, cell, slot) {
                        break;
                    }
                }
            }
        });
    }

    /// Clears a segment; what stays of it moves to where the pen is. `evict`: not all of it, however much room there is.
    /// `busy`: somebody else holds one that might go.
    pub(super) fn clear_one(&mut self, evict: bool, busy: &mut bool) -> Result<bool> {
        let segments = self.memory.segments();
        let units = self.memory.layout().units();
        let live = sum(segments, |place| place.live.load(Ordering::Relaxed));
        // Of what may be filled.
        let most = units * (segments.len() - self.reserve()) as u64;
        let keep = match evict || live > most / 100 * LIVE_PERCENT {
            true => Keep::Used(units / SECOND_CHANCES),
            false => Keep::All,
        };
        // Evicting what was not to go is better than no room at all.
        Ok(self.clear_first(keep, busy)? || self.clear_first(Keep::Used(0), busy)?)
    }

    /// Clears the first segment that can be, in the order in which they are to go.
    fn clear_first(&mut self, keep: Keep, busy: &mut bool) -> Result<bool> {
        let half = self.memory.layout().units() as i64 / 2;
        let order = |place: &Segment| {
            let unflushed = place.unflushed.load(Ordering::Relaxed).max(0);
            match keep {
                Keep::All => (place.live.load(Ordering::Relaxed).max(0), place.number()),
                Keep::Used(0) => (unflushed, place.number()),
                // Where most of it has to move, little is gained.
                Keep::Used(_) => (if unflushed > half { unflushed } else { 0 }, place.number()),
            }
        };
        let (units, room) = (self.memory.layout().units(), self.room());
        // Where more than there is room for has to move, nothing is gained but what was evicted for it.
        let may_fit = |place: &Segment| {
            let stays = match keep {
                Keep::All => &place.live,
                Keep::Used(_) => &place.unflushed,
            };
            (stays.load(Ordering::Relaxed).max(0) as u64).min(units) <= room
        };
        let segments = self.memory.segments().iter().enumerate();
        let segments = segments.filter(|(_, place)| place.number() != 0 && may_fit(place));
        let mut found: Vec<_> = segments.map(|(segment, place)| (order(place), segment)).collect();
        found.sort_unstable();
        let mut tries = 0;
        for (_, segment) in found {
            if self.is_at(segment) {
                continue;
            }
            if !self.lock_alone(segment)? {
                *busy = true;
                continue;
            }
            let cleared = self.memory.segments()[segment].number() != 0 && self.clear(segment, keep);
            self.unlock(segment)?;
            tries += 1;
            if cleared || tries == TRIES {
                return Ok(cleared);
            }
        }
        Ok(false)
    }

    /// How much of a segment stays when it is cleared.
    fn staying(&self, segment: usize, keep: Keep) -> u64 {
        let mut staying = 0;
        self.each_slot_in(segment, |_, _, slot| {
            if !slot.is_announced() && keep.may_keep(slot) {
                let units = Frame::at(self.memory, slot.unit()).map_or(0, |frame| frame.units());
                staying += if keep.keeps(slot, staying + units) { units } else { 0 };
            }
            true
        });
        staying
    }

    /// Clears a segment that this process holds alone. `false`: there is no room for what has to stay.
    fn clear(&self, segment: usize, keep: Keep) -> bool {
        let room = self.room();
        if room < self.memory.layout().units() && self.staying(segment, keep) > room {
            return false;
        }
        let (mut left, mut used) = (false, 0);
        let (mut evicted, mut damaged) = (0, 0);
        self.each_slot_in(segment, |bucket, cell, slot| {
            let forget = || cell.compare_exchange(slot.0, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            if slot.is_announced() {
                return forget();
            }
            // Before the entry is looked at, which is seldom in a cache.
            if !keep.may_keep(slot) {
                let forgotten = forget();
                evicted += u64::from(forgotten);
                return forgotten;
            }
            let Some(frame) = Frame::at(self.memory, slot.unit()) else {
                let forgotten = forget();
                damaged += u64::from(forgotten);
                return forgotten;
            };
            let units = frame.units();
            if !keep.keeps(slot, used + units) {
                let forgotten = forget();
                evicted += u64::from(forgotten);
                return forgotten;
            }
            let Some(spot) = self.take_here(units) else {
                left = true;
                return true;
            };
            frame.copy_to(self.memory, spot.unit);
            self.memory.touch(bucket, spot.unit);
            // In the segments before, it was used; whether it is from now on is another question.
            let to = slot.moved_to(spot).with_used(matches!(keep, Keep::All) && slot.is_used());
            // Release: the copy is there before the slot leads to it.
            if cell.compare_exchange(slot.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                return false;
            }
            used += units;
            self.memory.count(slot.unit(), -(units as i64), slot.is_unflushed());
            self.memory.count(spot.unit, units as i64, slot.is_unflushed());
            true
        });
        self.shared.add(Counter::BufferEvictions, evicted);
        if damaged > 0 {
            self.shared.add(Counter::DamagedValues, damaged);
        }
        match left {
            // What was forgotten is counted out.
            true => _ = self.count_anew(segment),
            // Release: what was read of it comes before its next use.
            false => self.memory.segments()[segment].head.store(0, Ordering::Release),
        }
        !left
    }
}
