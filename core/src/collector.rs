//! Garbage collection: expired sessions go in slices, so that nobody waits long for the right to write.

use std::time::Duration;

use crate::error::Result;
use crate::lock::HostLocks;
use crate::lock::flusher::Flusher;
use crate::record::{SessionId, now};
use crate::shared::{Counter, Shared};
use crate::store::{Sweep, Swept};

/// How to collect.
#[derive(Clone, Copy)]
pub struct Collection<'a> {
    /// Expired sessions removed in one transaction.
    pub slice: usize,
    /// How long to wait for the right to write, before each slice.
    pub limit: Duration,
    /// Called between slices; ends the collection by saying no.
    pub pause: &'a dyn Fn() -> bool,
}

/// Removes expired sessions that `may_collect` lets go, given the locks, the id and the time. Returns how many;
/// `None` when somebody else is writing and does not let the first slice begin in time.
pub fn collect(
    store: &(impl Sweep + ?Sized),
    flusher: &Flusher,
    shared: &Shared,
    collection: Collection<'_>,
    may_collect: &dyn Fn(&HostLocks, SessionId<'_>, i64) -> bool,
) -> Result<Option<u64>> {
    let (mut collected, mut kept) = (None, 0);
    shared.add(Counter::GcRuns, 1);
    loop {
        let swept = flusher.run(collection.limit, |locks| {
            let now = now();
            let swept = store.sweep(now, collection.slice, kept, &mut |id| may_collect(locks, id, now))?;
            shared.add(Counter::GcCollected, swept.collected);
            Ok(swept)
        })?;
        let Some(Swept { collected: some, kept: stay, more }) = swept else { return Ok(collected) };
        collected = Some(collected.unwrap_or(0) + some);
        kept += stay as usize;
        if !more || !(collection.pause)() {
            return Ok(collected);
        }
    }
}
