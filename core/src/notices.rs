//! Troubles that are nobody's return value: the background thread's, and those that cost speed only.
//!
//! The core puts them here, the skin takes them out and writes them to PHP's log, each cause at most once a minute.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::{Error, ErrorKind};

const QUIET: Duration = Duration::from_secs(60);
/// Beyond this many waiting ones, new ones are dropped: nobody reads that much.
const MOST: usize = 32;

/// How many wait in this process, whichever store they are of. Of a store that was closed, or is the parent's, they stay
/// counted: then it is looked for them in vain.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Whether it is worth asking any store for its troubles, which every request would have to otherwise.
pub fn may_wait() -> bool {
    WAITING.load(Ordering::Relaxed) != 0
}

/// Troubles waiting to be told.
#[derive(Debug, Default)]
pub struct Notices {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Error>,
    told: HashMap<ErrorKind, Instant>,
}

impl Notices {
    /// Notes a trouble, unless one of its kind was noted less than a minute ago.
    pub fn note(&self, error: Error) {
        let mut inner = self.inner.lock();
        let lately = inner.told.get(&error.kind()).is_some_and(|told| told.elapsed() < QUIET);
        if lately || inner.waiting.len() >= MOST {
            return;
        }
        inner.told.insert(error.kind(), Instant::now());
        inner.waiting.push(error);
        WAITING.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes what waits.
    pub fn take(&self) -> Vec<Error> {
        let taken = std::mem::take(&mut self.inner.lock().waiting);
        WAITING.fetch_sub(taken.len(), Ordering::Relaxed);
        taken
    }
}
