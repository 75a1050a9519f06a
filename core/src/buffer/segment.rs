//! What a segment counts: the room given out, what of it is live, and what the store lacks.

use std::sync::atomic::{AtomicU64, Ordering};

use super::layout::{Segment, UNIT};
use super::memory::Memory;

/// A longer entry's other lines come while the first ones are written.
const MOST_EXPECTED: u64 = 32;

impl Segment {
    /// The number of its use; zero: it is free.
    pub fn number(&self) -> u64 {
        self.head.load(Ordering::Acquire) >> 32
    }

    /// The units given out.
    pub fn taken(&self, of: u64) -> u64 {
        (self.head.load(Ordering::Relaxed) & u64::from(u32::MAX)).min(of)
    }

    /// Takes `units` of the `of` that it has. The caller holds its lock.
    pub(super) fn take(&self, units: u64, of: u64) -> Option<(u64, u64)> {
        // Relaxed: which units they are is all that is told. Acquire: whoever freed the segment is done with it.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let (number, taken) = (head >> 32, head & u64::from(u32::MAX));
            if number == 0 || taken + units > of {
                return None;
            }
            match self.head.compare_exchange_weak(head, head + units, Ordering::Relaxed, Ordering::Acquire) {
                Ok(_) => return Some((taken, number)),
                Err(now) => head = now,
            }
        }
    }
}

/// Has the processor fetch a line of its cache to be written.
fn prefetch(line: &[AtomicU64]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it is a hint, which may be given about any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_ET0>(line.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// A sum of guesses; in a damaged file they may be any numbers.
pub(super) fn sum(segments: &[Segment], of: impl Fn(&Segment) -> i64) -> u64 {
    segments.iter().fold(0, |sum: u64, segment| sum.saturating_add(of(segment).max(0) as u64))
}

impl Memory {
    /// Counts an entry of so many units, at a unit of the file, in or out.
    pub fn count(&self, unit: u64, units: i64, unflushed: bool) {
        if let Some(place) = self.segment_at(unit) {
            place.live.fetch_add(units, Ordering::Relaxed);
            if unflushed {
                place.unflushed.fetch_add(units, Ordering::Relaxed);
            }
        }
    }

    /// Counts an entry that has been flushed out of those that are not.
    pub fn count_flushed(&self, unit: u64, units: i64) {
        if let Some(place) = self.segment_at(unit) {
            place.unflushed.fetch_add(units, Ordering::Relaxed);
        }
    }

    /// Has the processor fetch the room that an entry of so many units would get now, as the next one probably does: the
    /// script runs meanwhile. Segments are written from end to end, so that room is in no cache.
    pub fn expect_entry(&self, units: u64) {
        let Some(segment) = self.current() else { return };
        let Some(place) = self.segments().get(segment) else { return };
        let of = self.layout().units();
        let taken = place.taken(of);
        let units = units.min(MOST_EXPECTED).min(of - taken);
        let first = (self.layout().first_unit(segment) + taken) * UNIT;
        for line in self.words(first, units * UNIT).chunks_exact(UNIT as usize / 8) {
            prefetch(line);
        }
    }

    /// Notes that a slot of this bucket is about to point to a unit of the file.
    pub fn touch(&self, bucket: usize, unit: u64) {
        if let Some(place) = self.segment_at(unit) {
            self.set_group(&place.touched, bucket);
        }
    }

    fn segment_at(&self, unit: u64) -> Option<&Segment> {
        self.segments().get(self.layout().segment_of(unit)?)
    }
}
