//! A store on this machine without a buffer in front (`rustdb.buffer_size = 0`): every change is durable when `commit`
//! returns.

use std::sync::Arc;
use std::time::Duration;

use crate::collector::{self, Collection};
use crate::error::Result;
use crate::lock::LockName;
use crate::lock::flusher::{Flusher, LEAST_WAIT};
use crate::record::{SessionId, Version};
use crate::shared::Shared;
use crate::store::{self, Access, Begun, ByUser, Change, Committed, Lease, Listed, Store, Sweep, Whose};

/// A store that is written to by one process at a time.
pub struct Unbuffered<S> {
    store: S,
    flusher: Flusher,
    /// How long a request waits for others to write.
    limit: Duration,
    shared: Arc<Shared>,
}

impl<S: Sweep> Unbuffered<S> {
    /// `limit`: how long a request waits for others to write; [`LEAST_WAIT`] if it is less.
    pub fn new(store: S, flusher: Flusher, limit: Duration, shared: Arc<Shared>) -> Unbuffered<S> {
        Unbuffered { store, flusher, limit: limit.max(LEAST_WAIT), shared }
    }

    /// The store.
    pub fn behind(&self) -> &S {
        &self.store
    }

    /// Removes expired sessions; see [`collector::collect`].
    pub fn collect(&self, collection: Collection<'_>) -> Result<Option<u64>> {
        collector::collect(&self.store, &self.flusher, &self.shared, collection, &|locks, id, _| {
            locks.is_free(LockName::session(id))
        })
    }
}

impl<S: Sweep> Store for Unbuffered<S> {
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun> {
        self.store.begin(id, access, known)
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        if matches!(change, Change::None) {
            return self.store.commit(id, change, lease);
        }
        self.flusher.run(self.limit, |_| self.store.commit(id, change, lease))?.ok_or_else(store::too_slow)
    }
}

impl<S: Sweep + ByUser> ByUser for Unbuffered<S> {
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        self.store.of_user(whose)
    }
}
