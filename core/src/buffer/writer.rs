//! Who writes to a segment.
//!
//! The processes write to one segment together: each takes the units it needs from its `head` by compare-and-swap, and
//! nobody else's business are they from then on. A process that writes to a segment holds the segment's lock shared,
//! and who clears one for its next use holds it alone, so nothing is ever cleared under a writer, were it stopped for
//! hours. The locks are the kernel's, on the very file that is mapped: it lets go of them when their holder dies, and whoever
//! has the same memory has the same locks. They are taken when a process turns to another segment, not for each entry, and
//! the background thread lets go of one that is idle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

use parking_lot::MutexGuard;

use super::index::Spot;
use super::memory::{Hold, Memory};
use super::turning::Turned;
use crate::error::{Error, Result};
use crate::shared::Shared;

/// How often, and how long, one waits for others who have every segment in hand at the same time.
const WAITS: usize = 20;
const WAIT: Duration = Duration::from_micros(100);
/// The segment that this process writes to.
#[derive(Debug, Default)]
pub struct Pen {
    pub(super) segment: Option<usize>,
}

/// A thread of this process, with the pen in its hand.
pub struct Writer<'a> {
    /// The file.
    pub memory: &'a Memory,
    /// Counters.
    pub shared: &'a Arc<Shared>,
    pub(super) pen: MutexGuard<'a, Pen>,
    /// The file system had no room when the file was to grow; it is not asked again before the next time of rest.
    pub(super) full_grown: &'a AtomicBool,
    /// The part of the buffer that what the store lacks may take.
    pub(super) unflushed_percent: u64,
}

impl Writer<'_> {
    /// Takes room for `units`; `None`: there is none, and nothing that could be evicted.
    pub fn take(&mut self, units: u64) -> Result<Option<Spot>> {
        // A change that is made once more may have come to a buffer with smaller segments.
        if units > self.memory.layout().units() {
            return Ok(None);
        }
        let mut waits = 0;
        loop {
            if let Some(spot) = self.take_here(units) {
                return Ok(Some(spot));
            }
            match self.turn(units)? {
                Turned::Yes => {}
                Turned::Busy if waits < WAITS => {
                    waits += 1;
                    std::thread::sleep(WAIT);
                }
                Turned::Busy | Turned::Full => return Ok(None),
            }
        }
    }

    /// Takes room in the segment that the pen is at.
    pub(super) fn take_here(&self, units: u64) -> Option<Spot> {
        let segment = self.pen.segment?;
        let layout = self.memory.layout();
        let (taken, number) = self.memory.segments()[segment].take(units, layout.units())?;
        Some(Spot { unit: layout.first_unit(segment) + taken, number })
    }

    /// Lets go of the segment.
    pub fn rest(&mut self) -> Result<()> {
        // There may be room again when there is something to write again.
        self.full_grown.store(false, Ordering::Relaxed);
        self.put_down()
    }

    pub(super) fn put_down(&mut self) -> Result<()> {
        if let Some(segment) = self.pen.segment.take() {
            self.unlock(segment)?;
        }
        Ok(())
    }

    pub(super) fn lock(&self, segment: usize, hold: Hold) -> Result<bool> {
        self.memory.hold(segment, hold).map_err(|cause| Error::io("cannot lock a part of the session buffer", &cause))
    }

    /// Holds a segment alone. If it is the one that the pen is at, it is not from now on.
    pub(super) fn lock_alone(&mut self, segment: usize) -> Result<bool> {
        let held = self.lock(segment, Hold::Alone)?;
        if held && self.is_at(segment) {
            self.pen.segment = None;
        }
        Ok(held)
    }

    pub(super) fn is_at(&self, segment: usize) -> bool {
        self.pen.segment == Some(segment)
    }

    pub(super) fn unlock(&self, segment: usize) -> Result<()> {
        self.lock(segment, Hold::None).map(drop)
    }

    /// Puts the pen at a segment that this process holds shared now.
    pub(super) fn put_pen(&mut self, segment: usize) -> Result<()> {
        match self.pen.segment.replace(segment) {
            Some(before) if before != segment => self.unlock(before),
            _ => Ok(()),
        }
    }

    /// Begins the next use of a free segment that this process holds alone.
    pub(super) fn begin_use(&self, segment: usize) {
        let page = self.memory.first_page();
        let place = &self.memory.segments()[segment];
        let mut number = 0;
        while number == 0 {
            number = (page.uses.fetch_add(1, Ordering::Relaxed) + 1) & u64::from(u32::MAX);
        }
        place.live.store(0, Ordering::Relaxed);
        place.unflushed.store(0, Ordering::Relaxed);
        place.touched.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        // Release: whoever takes units of it comes after whoever had them before. And in one order with all of its kind,
        // so that of two who take the last two free ones at once at least one sees that there are too few.
        place.head.store(number << 32, Ordering::SeqCst);
    }

    /// Puts the pen at a segment that this process holds alone, and holds it so from now on.
    pub(super) fn put_pen_as(&mut self, segment: usize, hold: Hold) -> Result<()> {
        if hold != Hold::Alone {
            self.lock(segment, hold)?;
        }
        self.put_pen(segment)
    }

    /// Opens a free segment, if this one is, and if at least `reserve` others stay free.
    pub(super) fn try_open(&mut self, segment: usize, reserve: usize, hold: Hold) -> Result<bool> {
        if !self.lock_alone(segment)? {
            return Ok(false);
        }
        let place = &self.memory.segments()[segment];
        if place.number() == 0 {
            self.begin_use(segment);
            fence(Ordering::SeqCst);
            if self.free() >= reserve {
                return self.put_pen_as(segment, hold).map(|()| true);
            }
            place.head.store(0, Ordering::Release);
        }
        self.unlock(segment)?;
        Ok(false)
    }
}
