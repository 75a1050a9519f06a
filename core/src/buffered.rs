//! The buffer in front of a store: a store itself.
//!
//! A change goes into the buffer first, marked as unflushed, and is acknowledged when it is there: killing processes
//! loses nothing of it. The flusher brings it to the store, many sessions in one transaction, and only who holds the
//! machine-wide flusher lock writes to the store at all, so an old write never lands after a newer one. Writing
//! through is the same path, and a [`Buffered::flush_through`] before the request ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::buffer::{Buffer, Lookup, Put, Search, Unflushed, Value};
use crate::collector::{self, Collection};
use crate::entry::Stamp;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::flusher::{Flusher, LEAST_WAIT};
use crate::lock::{HostLocks, LockName};
use crate::record::{Expiry, Record, SessionId, Version, now};
use crate::shared::{Counter, Shared};
use crate::store::{
    Access, Batch, Begun, ByUser, Change, Committed, Found, Lease, Listed, Store, Sweep, Whose, too_slow,
};
use crate::visitor::Visitor;

/// Sessions brought to the store in one transaction.
const BATCH: usize = 2048;
/// Their bytes, at most about.
const BATCH_BYTES: usize = 4 << 20;

/// How long a writer that found no room sleeps while somebody else flushes.
const ANOTHER_LOOK: Duration = Duration::from_millis(2);

/// What the owner of a buffered store gives it.
pub struct Parts<S> {
    /// The buffer.
    pub buffer: Buffer,
    /// The store behind it.
    pub store: S,
    /// How long a request waits for room in the buffer.
    pub limit: Duration,
    /// Locks of its own: the flusher tells by them whether a session is in use.
    pub locks: HostLocks,
    /// Counters.
    pub shared: Arc<Shared>,
}

/// A store with a buffer in front.
pub struct Buffered<S> {
    buffer: Buffer,
    store: S,
    limit: Duration,
    flusher: Flusher,
    shared: Arc<Shared>,
}

impl<S: Batch + Sweep> Buffered<S> {
    /// Puts a buffer in front of a store.
    pub fn new(parts: Parts<S>) -> Buffered<S> {
        let Parts { buffer, store, limit, locks, shared } = parts;
        Buffered { buffer, store, limit, flusher: Flusher::new(locks), shared }
    }

    /// The buffer.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The store behind the buffer.
    pub fn behind(&self) -> &S {
        &self.store
    }

    /// The store behind the buffer, which is given up.
    pub fn into_behind(self) -> S {
        self.store
    }

    /// Whether the flusher had better come before its time; see [`Buffer::presses`].
    pub fn presses(&self) -> bool {
        self.buffer.presses()
    }

    /// Brings everything that was unflushed when this began to the store. Returns `false` when somebody else is
    /// flushing and does not finish within `limit`.
    pub fn flush(&self, limit: Duration) -> Result<bool> {
        self.flusher
            .run(limit, |locks| self.flush_all(locks, Search::Everywhere, None))
            .map(|flushed| flushed.is_some())
    }

    /// Removes expired sessions; see [`collector::collect`].
    pub fn collect(&self, collection: Collection<'_>) -> Result<Option<u64>> {
        collector::collect(&self.store, &self.flusher, &self.shared, collection, &|locks, id, now| {
            // Whoever holds the session now may be about to prolong it.
            locks.is_free(LockName::session(id)) && self.buffer.collect(id, now).unwrap_or(false)
        })
    }

    /// Brings what the buffer has to the store. Returns whether the entry of `id` was among it.
    fn flush_all(&self, locks: &HostLocks, search: Search, id: Option<SessionId<'_>>) -> Result<bool> {
        let mut ids = self.buffer.unflushed(search)?.into_iter();
        let mut found = false;
        loop {
            let batch = self.buffer.fetch(&mut ids, BATCH, BATCH_BYTES)?;
            if batch.is_empty() {
                return Ok(found);
            }
            self.flush_batch(locks, &batch)?;
            found |= id.is_some_and(|id| batch.iter().any(|flushed| *flushed.id == *id.as_bytes()));
        }
    }

    /// Brings some of it to the store. Returns how many entries the buffer may drop now.
    fn flush_some(&self, locks: &HostLocks) -> Result<Option<usize>> {
        let mut ids = self.buffer.unflushed(Search::Everywhere)?.into_iter();
        let batch = self.buffer.fetch(&mut ids, BATCH, BATCH_BYTES)?;
        if batch.is_empty() { Ok(None) } else { self.flush_batch(locks, &batch).map(Some) }
    }

    fn flush_batch(&self, locks: &HostLocks, batch: &[Unflushed]) -> Result<usize> {
        let settled = self.apply(locks, batch).inspect_err(|_| self.shared.add(Counter::FlushErrors, 1))?;
        self.shared.add(Counter::FlushRuns, 1);
        self.shared.add(Counter::FlushedSessions, batch.len() as u64);
        Ok(settled)
    }

    fn apply(&self, locks: &HostLocks, batch: &[Unflushed]) -> Result<usize> {
        self.store.apply(
            &mut batch
                .iter()
                .filter_map(|Unflushed { id, entry }| Some((SessionId::parse(id).ok()?, entry.as_deref()?))),
        )?;
        // A tombstone stays until no request is left that began before the destroy: such a one holds the session's
        // lock, alone or shared.
        self.buffer
            .settle(batch, &mut |id| SessionId::parse(id).map_or(true, |id| locks.is_free(LockName::session(id))))
    }

    /// Puts a value the store lacks into the buffer. `None`: it does not fit in there at all.
    fn put(
        &self,
        id: SessionId<'_>,
        value: Value<'_>,
        allowed: &dyn Fn(Option<Stamp>) -> bool,
    ) -> Result<Option<bool>> {
        let begun = Instant::now();
        let mut looked_again = false;
        loop {
            // Looked at each time: the buffer may turn out not to become as large as it was to.
            if matches!(value, Value::Session(record) if !self.buffer.takes(record)) {
                return Ok(None);
            }
            match self.buffer.put(id, value, true, allowed)? {
                Put::Done => return Ok(Some(true)),
                Put::Refused => return Ok(Some(false)),
                // Writers outrun the disk: each waits for a batch, or brings one there itself.
                Put::Full if begun.elapsed() >= self.limit => {
                    return Err(Error::new(
                        ErrorKind::Full,
                        "the session buffer is full and the store does not take sessions fast enough; \
                         raise rustdb.buffer_size, or see what slows the disk",
                    ));
                }
                Put::Full => {
                    match self.flusher.run(Duration::ZERO, |locks| self.flush_some(locks)) {
                        Ok(Some(Some(1..))) => {}
                        // Nothing to flush that would make room, and not because somebody else has just flushed it: the
                        // room there is lies in pieces too small for this value.
                        Ok(Some(_)) if looked_again && matches!(value, Value::Session(_)) => return Ok(None),
                        Ok(Some(_)) if !looked_again => looked_again = true,
                        Ok(_) => std::thread::sleep(ANOTHER_LOOK),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// Writes a session under an id that was made a moment ago, such that the store has it when this returns: one round
    /// trip, where [`Store::commit`] takes one to look whether the id is free and [`Buffered::flush_through`] another.
    ///
    /// Here the store inserts the session, or says that there is one, in one step. So a session that has the same id by
    /// accident is never written over: the buffer knows it, or the store does. No older state of it can arrive later
    /// either: a flusher has in hand only what the buffer has as well. And should the insertion itself arrive late, as
    /// its answer was lost, it finds what was written since, and leaves it alone. So it needs no flusher lock, and the
    /// buffer gets the session when the store has it.
    pub fn insert(&self, id: SessionId<'_>, record: &Record<'_>, lease: Lease) -> Result<Committed> {
        // What has ended or expired is told from what has not there.
        if self.buffer.read(id)? != Lookup::Miss {
            return self.commit(id, Change::Write(record), lease);
        }
        match self.store.commit(id, Change::Write(record), lease) {
            Ok(Committed::Done) => self.keep(id, record).map(|()| Committed::Done),
            // Refused, so nothing was written. It waits in the buffer until the store takes it.
            Err(error) if error.kind() != ErrorKind::Unreachable => self.commit(id, Change::Write(record), lease),
            committed => committed,
        }
    }

    /// Waits until the store has what the buffer has under `id`. Requests that end together share a flush.
    pub fn flush_through(&self, id: SessionId<'_>, limit: Duration) -> Result<()> {
        if !self.buffer.is_unflushed(id)? {
            // Nobody's flush need be waited for.
            return Ok(());
        }
        let flushed = self.flusher.run(limit, |locks| {
            // The flush that ended just now may have taken it along.
            for search in [Search::Lately, Search::Everywhere] {
                // A tombstone stays in the buffer as long as its session is in use, which it is now.
                if !self.buffer.is_unflushed(id)? || self.flush_all(locks, search, Some(id))? {
                    break;
                }
            }
            Ok(())
        });
        // Even on failure it is safe in the buffer, and the background thread tries again.
        flushed?.ok_or_else(too_slow)
    }

    /// Writes past the buffer what is too large for it. `touched`: only the expiry of this version moves, and no other
    /// version is undone.
    fn write_around(
        &self,
        id: SessionId<'_>,
        record: &Record<'_>,
        lease: Lease,
        touched: Option<Version>,
    ) -> Result<Committed> {
        let written = self.flusher.run(self.limit.max(LEAST_WAIT), |_| {
            let there = self.buffer.read(id)?;
            if (lease.existed || touched.is_some()) && there == Lookup::Tombstone {
                return Ok(Committed::Ended);
            }
            if let Some(version) = touched {
                let now = match &there {
                    Lookup::Session(record) => Some(record.version),
                    _ => self.in_store(id)?.map(|record| record.version),
                };
                match now {
                    None => return Ok(Committed::Gone),
                    // Somebody wrote it meanwhile, and with that prolonged it.
                    Some(now) if now != version => return Ok(Committed::Done),
                    Some(_) => {}
                }
            }
            // It may have existed in the buffer alone, so the store is not asked whether it still does.
            let lease = Lease { existed: false, ..lease };
            // The older state goes to the store and out of the buffer before the new one is written: whoever is killed
            // in between leaves the older one, in one place.
            if self.buffer.is_unflushed(id)? {
                match &there {
                    Lookup::Session(older) => self.store.commit(id, Change::Write(older), Lease::default())?,
                    _ => self.store.commit(id, Change::Destroy, Lease::default())?,
                };
            }
            self.buffer.remove(id)?;
            self.store.commit(id, Change::Write(record), lease)
        })?;
        written.ok_or_else(too_slow)
    }

    fn touch(&self, id: SessionId<'_>, expires: Expiry, visitor: &Visitor<'_>, lease: Lease) -> Result<Committed> {
        let record = match self.buffer.read(id)? {
            Lookup::Session(record) => record,
            Lookup::Tombstone => return Ok(Committed::Ended),
            Lookup::Miss => match self.in_store(id)? {
                Some(record) => record,
                None => return Ok(Committed::Gone),
            },
        };
        let record = Record { expires, visitor: visitor.clone().or(&record.visitor), ..record };
        // Without locking somebody may write it meanwhile, and must not be undone by who only touches it.
        let allowed =
            |there: Option<Stamp>| there.is_none_or(|there| !there.is_tombstone() && there.version() == record.version);
        if self.put(id, Value::Session(&record), &allowed)?.is_none() {
            return self.write_around(id, &record, lease, Some(record.version));
        }
        Ok(Committed::Done)
    }

    /// The session as the store behind the buffer has it.
    fn in_store(&self, id: SessionId<'_>) -> Result<Option<Record<'static>>> {
        Ok(match self.store.begin(id, Access::ReadOnly, None)?.found {
            Found::Record(record) => Some(record),
            // Nothing is known, so nothing can be current.
            Found::Missing | Found::Current(_) => None,
        })
    }

    /// Keeps in the buffer what the store has.
    fn fill(&self, id: SessionId<'_>) -> Result<()> {
        match self.in_store(id)? {
            Some(record) => self.keep(id, &record),
            None => Ok(()),
        }
    }

    /// Keeps in the buffer what the store has, unless there is something newer. Where there is no room it goes without.
    fn keep(&self, id: SessionId<'_>, record: &Record<'_>) -> Result<()> {
        if self.buffer.takes(record) {
            self.buffer.put(id, Value::Session(record), false, &|there| there.is_none())?;
        }
        Ok(())
    }
}

impl<S: Batch + Sweep> Store for Buffered<S> {
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun> {
        if access == Access::Fresh {
            return Ok(Begun::fresh());
        }
        // A buffer that fails is not passed over: it may have what the store lacks.
        match self.buffer.read(id)? {
            Lookup::Session(record) if !record.expires.is_past(now()) => {
                let lease = Lease { existed: true, ..Lease::default() };
                let found =
                    if known == Some(record.version) { Found::Current(record.expires) } else { Found::Record(record) };
                Ok(Begun { found, lease })
            }
            Lookup::Session(_) | Lookup::Tombstone => Ok(Begun { found: Found::Missing, lease: Lease::default() }),
            Lookup::Miss => self.store.begin(id, access, known),
        }
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        match change {
            Change::None => {
                if lease.unbuffered {
                    self.fill(id)?;
                }
                Ok(Committed::Done)
            }
            Change::Touch(expires, visitor) => self.touch(id, expires, visitor, lease),
            Change::Destroy => {
                self.put(id, Value::Tombstone, &|_| true)?;
                Ok(Committed::Done)
            }
            Change::Write(record) => {
                let now = now();
                if lease.fresh && self.in_store(id)?.is_some() {
                    return Ok(Committed::Collision);
                }
                let allowed = |there: Option<Stamp>| match there {
                    Some(there) if there.is_tombstone() => !lease.existed,
                    Some(there) => !lease.fresh || there.expires().is_past(now),
                    None => true,
                };
                Ok(match self.put(id, Value::Session(record), &allowed)? {
                    None => self.write_around(id, record, lease, None)?,
                    Some(true) => Committed::Done,
                    Some(false) if lease.fresh => Committed::Collision,
                    Some(false) => Committed::Ended,
                })
            }
        }
    }
}

impl<S: Batch + Sweep + ByUser> ByUser for Buffered<S> {
    /// What the buffer alone has is brought to the store before it is asked.
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        if !self.flush(self.limit)? {
            return Err(too_slow());
        }
        self.store.of_user(whose)
    }
}
