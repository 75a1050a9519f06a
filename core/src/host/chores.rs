//! What is done with an open store beside requests: flushing, renewing leases, collecting garbage.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Host, Kind};
use crate::background::{self, Alarm, Chore};
use crate::collector::{self, Collection};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::LockName;
use crate::lock::flusher::Flusher;
use crate::store::Backend;

/// Sessions collected in one transaction by the background thread; bounds it to a few milliseconds.
const SLICE: usize = 500;
/// The same where somebody waits for the end: fewer, larger transactions write fewer pages twice. 50,000 write pages of
/// 200 MB at most, about half of what LMDB keeps in memory before it writes some early, and hold the right to write for a
/// second.
const LARGE_SLICE: usize = 50_000;

/// How often a process that has changes looks whether the buffer was deleted, however long its flush interval is: others
/// wait for it then, [`crate::buffer::LONGEST_DRAIN`] at most.
const WATCH: Duration = Duration::from_secs(3);

impl Host {
    /// Collects garbage now; returns how many sessions went.
    pub fn collect(&self) -> Result<u64> {
        let collection = Collection { slice: LARGE_SLICE, limit: self.limit, pause: &|| true };
        let collected = match &self.kind {
            Kind::Buffered(store) => {
                store.flush(self.limit)?;
                store.collect(collection)?
            }
            Kind::Unbuffered(store) => store.collect(collection)?,
            Kind::Shared(store, flusher) => self.collect_shared(&**store, flusher, collection)?,
        };
        collected.ok_or_else(|| {
            Error::new(
                ErrorKind::Full,
                "no garbage was collected: another process has been writing to the session store all the time; see what \
                 slows the disk",
            )
        })
    }

    /// Collects garbage in the background. Returns whether it is to be tried again, as somebody else writes for long.
    fn collect_in_background(&self) -> Result<bool> {
        // Between slices others may flush, and the processor is theirs.
        let pause = || {
            std::thread::sleep(Duration::from_millis(2));
            !background::is_stopping()
        };
        let collection = Collection { slice: SLICE, limit: Duration::from_secs(1), pause: &pause };
        let collected = match &self.kind {
            Kind::Buffered(store) => store.collect(collection)?,
            Kind::Unbuffered(store) => store.collect(collection)?,
            Kind::Shared(store, flusher) => self.collect_shared(&**store, flusher, collection)?,
        };
        Ok(collected.is_none())
    }

    fn collect_shared(
        &self,
        store: &dyn Backend,
        flusher: &Flusher,
        collection: Collection<'_>,
    ) -> Result<Option<u64>> {
        collector::collect(store, flusher, &self.shared, collection, &|locks, id, _| {
            locks.is_free(LockName::session(id))
        })
    }

    fn flush_interval(&self) -> Duration {
        Duration::from_nanos(self.flush_interval.load(Ordering::Relaxed))
    }
}

impl Chore for Host {
    fn run(&self, last: bool) -> bool {
        let mut left = false;
        match &self.kind {
            Kind::Buffered(store) => {
                // Nobody may be left to look later.
                store.buffer().look_again();
                if let Err(error) = store.buffer().rest() {
                    self.notices.note(error);
                }
                left |= store.behind().maintain();
                let hurried = self.hurried.swap(false, Ordering::AcqRel);
                let due = last || hurried || self.flushed.lock().elapsed() >= self.flush_interval();
                let waiting = if due {
                    *self.flushed.lock() = Instant::now();
                    // Left: what somebody else is flushing just now, what was written since, and the tombstones of
                    // sessions in use.
                    store.flush(Duration::ZERO).and_then(|_| store.buffer().has_unflushed())
                } else {
                    // Others may be waiting for what this process has in a deleted buffer.
                    store.buffer().follow().map(|()| true)
                };
                match waiting {
                    Ok(waiting) => left |= waiting,
                    Err(error) => {
                        left = true;
                        self.notices.note(error);
                    }
                }
            }
            Kind::Unbuffered(store) => left |= store.behind().maintain(),
            Kind::Shared(store, _) => left |= store.maintain(),
        }
        if !last && self.gc_wanted.swap(false, Ordering::AcqRel) {
            match self.collect_in_background() {
                Ok(false) => {}
                Ok(true) => {
                    self.gc_wanted.store(true, Ordering::Release);
                    left = true;
                }
                Err(error) => self.notices.note(error),
            }
        }
        left
    }

    fn interval(&self) -> Duration {
        self.flush_interval().min(WATCH)
    }

    fn alarm(&self) -> &Alarm {
        &self.alarm
    }
}
