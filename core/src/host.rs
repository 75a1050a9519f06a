//! An open store: what all threads of a process share of one directory. Opened on first use after the last fork,
//! once for each directory, however many sites of the process uses it (`open`); `chores` is what the background thread
//! does with it.

mod chores;
mod open;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::background::{self, Alarm, Chore};
use crate::buffer;
use crate::buffered::Buffered;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::flusher::Flusher;
use crate::notices::Notices;
use crate::owner::Owner;
use crate::record::{Record, SessionId};
use crate::shared::Shared;
use crate::store::{Backend, ByUser, Change, Committed, Lease, Listed, Store, Whose};
use crate::unbuffered::Unbuffered;

/// An open store.
pub struct Host {
    /// As `rustdb.store` names it, without a password.
    name: String,
    directory: PathBuf,
    shared: Arc<Shared>,
    notices: Notices,
    kind: Kind,
    /// Whether the store is on a server, so that each look into it costs a round trip.
    is_far: bool,
    /// In nanoseconds; the shortest that any site of the process has set.
    flush_interval: AtomicU64,
    limit: Duration,
    alarm: Alarm,
    gc_wanted: AtomicBool,
    /// Whether the background thread is to flush whatever the interval.
    hurried: AtomicBool,
    /// When it did so last.
    flushed: Mutex<Instant>,
    /// Lets others see that this process uses the directory.
    _owner: Arc<Owner>,
}

enum Kind {
    Buffered(Box<Buffered<Box<dyn Backend>>>),
    /// `rustdb.buffer_size = 0`.
    Unbuffered(Unbuffered<Box<dyn Backend>>),
    /// Shared by many machines, so that only the store itself knows what is current. The flusher lock lets one process
    /// at a time collect garbage.
    Shared(Box<dyn Backend>, Flusher),
}

/// What phpinfo shows of a store.
#[derive(Debug, Clone)]
pub struct Report {
    /// The store, as `rustdb.store` names it, without a password.
    pub store: String,
    /// The directory.
    pub directory: PathBuf,
    /// Bytes of the store in use, if that is known.
    pub store_bytes: Option<u64>,
    /// The buffer, if there is one.
    pub buffer: Option<buffer::Report>,
}

impl Host {
    /// The store's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The counters and wait queues.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Where troubles are noted that are to be written to the log.
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Takes the troubles that are to be written to the log.
    pub fn take_notices(&self) -> Vec<Error> {
        let mut taken = self.notices.take();
        taken.extend(self.backend().notices().take());
        taken
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        match &self.kind {
            Kind::Buffered(store) => &**store,
            Kind::Unbuffered(store) => store,
            Kind::Shared(store, _) => store,
        }
    }

    fn backend(&self) -> &dyn Backend {
        match &self.kind {
            Kind::Buffered(store) => &**store.behind(),
            Kind::Unbuffered(store) => &**store.behind(),
            Kind::Shared(store, _) => &**store,
        }
    }

    /// Writes a session with a fresh lease that is to be in the store before the request ends.
    pub fn insert(&self, id: SessionId<'_>, record: &Record<'_>, lease: Lease) -> Result<Committed> {
        match &self.kind {
            Kind::Buffered(store) if self.is_far => store.insert(id, record, lease),
            _ => self.store().commit(id, Change::Write(record), lease),
        }
    }

    /// Waits until a session that was committed is in the store. While a server is out of reach the buffer is enough:
    /// what it has is brought there when the server is back.
    pub fn flush_through(&self, id: SessionId<'_>, limit: Duration) -> Result<()> {
        self.is_flushed_through(id, limit).map(drop)
    }

    /// The same. Returns whether the store has it now; else it is out of reach.
    pub fn is_flushed_through(&self, id: SessionId<'_>, limit: Duration) -> Result<bool> {
        match &self.kind {
            Kind::Buffered(store) => match store.flush_through(id, limit) {
                Err(error) if error.kind() == ErrorKind::Unreachable => {
                    self.notices.note(error);
                    Ok(false)
                }
                flushed => flushed.map(|()| true),
            },
            Kind::Unbuffered(_) | Kind::Shared(..) => Ok(true),
        }
    }

    /// Tells the background thread that there is something to flush, within the flush interval or at once.
    pub fn wake(self: &Arc<Self>, at_once: bool) {
        if at_once {
            self.hurried.store(true, Ordering::Release);
        }
        if at_once || !self.alarm.is_set() {
            let chore: Arc<dyn Chore> = Arc::<Host>::clone(self);
            background::wake(&chore, at_once);
        }
    }

    /// Tells the background thread that a session was written.
    pub fn wake_after_write(self: &Arc<Self>) {
        if let Kind::Buffered(store) = &self.kind {
            self.wake(store.presses());
        }
    }

    /// Whether several machines share the store, so that `begin` takes a lease of it.
    pub fn has_leases(&self) -> bool {
        self.backend().has_leases()
    }

    /// Has the background thread collect garbage.
    pub fn want_gc(self: &Arc<Self>) {
        self.gc_wanted.store(true, Ordering::Release);
        self.wake(true);
    }

    /// The sessions of a user; see [`crate::store::ByUser::of_user`].
    pub fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        match &self.kind {
            Kind::Buffered(store) => store.of_user(whose),
            Kind::Unbuffered(store) => store.of_user(whose),
            Kind::Shared(store, _) => store.of_user(whose),
        }
    }

    /// What phpinfo shows.
    pub fn report(&self) -> Result<Report> {
        let buffer = match &self.kind {
            Kind::Buffered(store) => Some(store.buffer().report()?),
            Kind::Unbuffered(_) | Kind::Shared(..) => None,
        };
        let store_bytes = self.backend().bytes();
        Ok(Report { store: self.name.clone(), directory: self.directory.clone(), store_bytes, buffer })
    }
}
