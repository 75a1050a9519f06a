//! The right to write to the store behind the buffers of this machine: one process has it at a time.
//!
//! Who waits for it looks again every 100 ms. Nobody waits inside LMDB for the writer of the store's file: a waiter that
//! is killed there at the wrong instant takes a wake-up along that was meant for another.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{HostLocks, LockKind, LockName};
use crate::error::Result;

/// The least time that a request waits for others to write where it cannot leave its change in the buffer: however little
/// patience `rustdb.lock_wait` has with the session of another request, this is no reason to lose a change.
pub const LEAST_WAIT: Duration = Duration::from_secs(10);

/// A way to become the flusher.
#[derive(Debug)]
pub struct Flusher {
    /// The lock file in it excludes other processes, the mutex other threads of this one.
    locks: Mutex<HostLocks>,
}

impl Flusher {
    /// With locks of its own.
    pub fn new(locks: HostLocks) -> Flusher {
        Flusher { locks: Mutex::new(locks) }
    }

    /// Runs `work` as the machine's only flusher; `None` if that cannot be had within `limit`. The locks tell whether
    /// a session is in use.
    pub fn run<T>(&self, limit: Duration, work: impl FnOnce(&HostLocks) -> Result<T>) -> Result<Option<T>> {
        let begun = Instant::now();
        let Some(locks) = self.locks.try_lock_for(limit) else { return Ok(None) };
        let left = limit.saturating_sub(begun.elapsed());
        if locks.lock(LockName::FLUSHER, LockKind::Exclusive, left)?.is_none() {
            return Ok(None);
        }
        let _unlock = Unlock(&locks);
        work(&locks).map(Some)
    }
}

/// Lets go of the lock, also when a panic passes by.
struct Unlock<'a>(&'a HostLocks);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        self.0.unlock(LockName::FLUSHER);
    }
}
