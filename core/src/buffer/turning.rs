//! How a writer finds the next segment.
//!
//! A segment is found in this order: the one that others write to; one whose entries have all been replaced, the
//! last one first, as it is still in the processor's cache; a free one, but for a reserve; one that the file grows by;
//! and one that is cleared (buffer::reclaim), for which the reserve is. Whoever is killed while he clears takes a part of
//! the reserve along; so before anything else it is made whole again, of segments that need no room to be cleared, or
//! whose rest fits into what room there is.

use std::cmp::Reverse;
use std::sync::atomic::Ordering;

use super::layout::Segment;
use super::memory::{Hold, Memory};
use super::segment::sum;
use super::writer::Writer;
use crate::error::Result;

/// What the store lacks may take this part of the buffer. However large the entries are, they then fit into as many empty
/// segments, each into the first that has room for it, as they must when the file is deleted and made anew: of segments
/// filled in that way no two have less than one's worth between them.
pub const UNFLUSHED_PERCENT: u64 = 45;

/// What became of an attempt to find a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// The pen is at another one.
    Yes,
    /// Others hold what there is; they will not do so for long.
    Busy,
    /// The rest has what the store lacks.
    Full,
}

impl Writer<'_> {
    /// Puts the pen at a segment that has room for `units`.
    #[cold]
    pub(super) fn turn(&mut self, units: u64) -> Result<Turned> {
        if self.turn_to_others(units)? {
            return Ok(Turned::Yes);
        }
        if self.has_too_much_unflushed() {
            return Ok(Turned::Full);
        }
        if self.turn_to_a_dead_one()? {
            return Ok(Turned::Yes);
        }
        let segments = self.memory.segments();
        let reserve = self.reserve();
        if self.turn_to_a_free_one(reserve)? {
            self.tell();
            return Ok(Turned::Yes);
        }
        let mut busy = false;
        if !self.full_grown.load(Ordering::Relaxed) {
            match self.grow()? {
                Some(true) => {
                    self.tell();
                    return Ok(Turned::Yes);
                }
                Some(false) => self.full_grown.store(true, Ordering::Relaxed),
                None => busy = true,
            }
        }
        // Perhaps it is less than it was to become.
        if self.has_too_much_unflushed() {
            return Ok(Turned::Full);
        }
        for round in 0..2 * segments.len() {
            let whole = self.free() >= reserve;
            if whole && (self.has_room(units) || self.turn_to_a_free_one(reserve)?) {
                self.tell();
                return Ok(Turned::Yes);
            }
            // Into the reserve; where a part of that is missing, into what is left of the segment the pen is at, before the
            // rest of the reserve; and where there is none of that, into what is left of any.
            let evict = round >= segments.len();
            let cleared = whole && self.clear_into_reserve(evict, &mut busy)?
                || self.clear_one(evict, &mut busy)?
                || self.clear_into_reserve(evict, &mut busy)?
                || self.turn_to_the_emptiest(&mut busy)? && self.clear_one(evict, &mut busy)?;
            if !cleared {
                break;
            }
        }
        Ok(match self.has_room(units) || self.turn_to_any(units)? {
            true => Turned::Yes,
            false if busy => Turned::Busy,
            false => Turned::Full,
        })
    }

    /// How many segments are to be free, so that others can be cleared into them. More than one: several may do so at the
    /// same time, and be stopped while they do.
    pub(super) fn reserve(&self) -> usize {
        if self.memory.reserved() < 8 { 1 } else { 2 }
    }

    /// How many segments are free.
    pub(super) fn free(&self) -> usize {
        self.memory.segments().iter().filter(|place| place.number() == 0).count()
    }

    /// Whether what the store lacks takes as much as it may.
    fn has_too_much_unflushed(&self) -> bool {
        let segments = self.memory.segments();
        let layout = self.memory.layout();
        let most = if self.full_grown.load(Ordering::Relaxed) { segments.len() as u64 } else { layout.segments };
        let unflushed = sum(segments, |segment| segment.unflushed.load(Ordering::Relaxed));
        unflushed > layout.units() * most / 100 * self.unflushed_percent
    }

    /// Clears a segment into the reserve, to which nobody else writes meanwhile: what has to move fits in for certain.
    fn clear_into_reserve(&mut self, evict: bool, busy: &mut bool) -> Result<bool> {
        let Some(reserve) = self.open_a_free_one(0, Hold::Alone)? else { return Ok(false) };
        let cleared = self.clear_one(evict, busy);
        self.lock(reserve, Hold::Shared)?;
        cleared
    }

    /// The units left in the segment that the pen is at.
    pub(super) fn room(&self) -> u64 {
        let units = self.memory.layout().units();
        self.pen.segment.map(|segment| &self.memory.segments()[segment]).map_or(0, |place| match place.number() {
            0 => 0,
            _ => units - place.taken(units),
        })
    }

    /// Whether the segment that the pen is at has room.
    fn has_room(&self, units: u64) -> bool {
        units <= self.room()
    }

    /// Puts the pen at the segment in use with the most room; at none, if none has any. `busy`: somebody holds it alone.
    fn turn_to_the_emptiest(&mut self, busy: &mut bool) -> Result<bool> {
        let segments = self.memory.segments().iter().enumerate().filter(|(_, place)| place.number() != 0);
        let Some((segment, place)) = segments.min_by_key(|(_, place)| place.taken(u64::MAX)) else { return Ok(false) };
        if place.taken(u64::MAX) >= self.memory.layout().units() {
            // Then the one it was at may be cleared too.
            return self.put_down().map(|()| true);
        }
        let joined = self.try_join(segment, 1)?;
        *busy |= !joined && !self.is_at(segment);
        Ok(joined)
    }

    /// The segment that others write to.
    fn turn_to_others(&mut self, units: u64) -> Result<bool> {
        match self.memory.current() {
            Some(segment) => self.try_join(segment, units),
            None => Ok(false),
        }
    }

    /// Any segment with room.
    fn turn_to_any(&mut self, units: u64) -> Result<bool> {
        for segment in 0..self.memory.reserved() {
            if self.try_join(segment, units)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts the pen at a segment in use that has room, and that nobody clears.
    fn try_join(&mut self, segment: usize, units: u64) -> Result<bool> {
        let place = &self.memory.segments()[segment];
        let has_room = || place.number() != 0 && place.taken(u64::MAX) + units <= self.memory.layout().units();
        if self.is_at(segment) || !has_room() || !self.lock(segment, Hold::Shared)? {
            return Ok(false);
        }
        // It may have been freed before the lock was ours; then nothing can be taken of it, and another is found.
        self.put_pen(segment).map(|()| true)
    }

    /// A segment whose entries have all been replaced, as far as one can guess; unless it is needed for the reserve.
    fn turn_to_a_dead_one(&mut self) -> Result<bool> {
        let dead = |place: &Segment| place.live.load(Ordering::Relaxed) <= 0;
        let mut found: Vec<(Reverse<u64>, usize)> = Vec::new();
        for (segment, place) in self.memory.segments().iter().enumerate() {
            let number = place.number();
            if number != 0 && dead(place) && Some(segment) != self.pen.segment {
                found.push((Reverse(number), segment));
            }
        }
        found.sort_unstable();
        for (_, segment) in found {
            if !self.lock_alone(segment)? {
                continue;
            }
            let place = &self.memory.segments()[segment];
            if place.number() != 0 && dead(place) && self.clear_if_dead(segment) {
                // It is one of the free ones itself.
                if self.free() > self.reserve() {
                    self.begin_use(segment);
                    self.put_pen_as(segment, Hold::Shared)?;
                    self.tell();
                    return Ok(true);
                }
            }
            self.unlock(segment)?;
        }
        Ok(false)
    }

    /// Tells others of the segment that the pen is at.
    fn tell(&self) {
        if let Some(segment) = self.pen.segment {
            self.memory.first_page().current.store(segment as u64 + 1, Ordering::Relaxed);
        }
    }

    /// A free segment, if there are more than `reserve`.
    fn turn_to_a_free_one(&mut self, reserve: usize) -> Result<bool> {
        self.open_a_free_one(reserve, Hold::Shared).map(|opened| opened.is_some())
    }

    /// Opens a free segment, if there are more than `reserve`.
    fn open_a_free_one(&mut self, reserve: usize, hold: Hold) -> Result<Option<usize>> {
        let free = |segments: &[Segment]| -> Vec<usize> {
            segments.iter().enumerate().filter(|(_, place)| place.number() == 0).map(|(segment, _)| segment).collect()
        };
        let found = free(self.memory.segments());
        if found.len() <= reserve {
            return Ok(None);
        }
        for segment in found {
            if self.try_open(segment, reserve, hold)? {
                return Ok(Some(segment));
            }
        }
        Ok(None)
    }

    /// Makes the file larger and opens one of the new segments. `None`: somebody else is at it.
    fn grow(&mut self) -> Result<Option<bool>> {
        let before = self.memory.reserved();
        if before as u64 == self.memory.layout().segments {
            return Ok(Some(false));
        }
        let growing = Memory::GROWING;
        if !self.lock(growing, Hold::Alone)? {
            return Ok(None);
        }
        let grown = self.memory.reserved() > before || self.memory.grow();
        self.unlock(growing)?;
        if grown { Ok(self.turn_to_a_free_one(1)?.then_some(true)) } else { Ok(Some(false)) }
    }
}
