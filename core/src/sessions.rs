//! The path of a session through a request, in one place:
//!
//! 1. `begin`: the host lock, so that on this machine only one request has the session;
//! 2. the store, which is a buffer in front of one: a hit costs no more than a look into shared memory;
//! 3. the script runs;
//! 4. `commit`: what changed, decided here, goes to the store; an unchanged session costs nothing most of the time;
//! 5. `release`: the host lock goes, and the next request in line wakes.
//!
//! A [`Sessions`] belongs to one thread.

mod by_user;
mod grace;
mod held;
mod locking;
mod moving;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;

use crate::config::{LockMode, Settings, WriteMode};
use crate::contents;
use crate::error::{Error, ErrorKind, Result};
use crate::host::Host;
use crate::lead;
use crate::lock::HostLocks;
use crate::migrate::Migration;
use crate::process;
use crate::record::{Expiry, Record, SessionId, Version, lifetime_of, now};
use crate::shared::Counter;
use crate::store::{Access, Change, Committed, Found, Lease};
use crate::visitor::Visitor;

use by_user::Marked;
pub use by_user::{Client, MOST_LISTED, Told};
pub use held::{Held, Report, Source, Written};
use locking::Lock;

/// Sessions of one store, for one thread.
pub struct Sessions {
    host: Arc<Host>,
    locks: HostLocks,
    settings: Settings,
    /// Where sessions were kept before.
    migration: Option<Migration>,
    /// Where a session names its user.
    user_keys: Marked,
    /// What is no reason to write.
    volatile_keys: Marked,
}

/// What a request wants of its session at the end.
#[derive(Debug, Clone, Copy)]
pub enum Intent<'a> {
    /// It is as it was; here is the payload, should the store have lost it.
    Unchanged(&'a [u8]),
    /// It has this payload now.
    Write(&'a [u8]),
    /// It ends.
    Destroy,
}

fn collision() -> Error {
    Error::new(
        ErrorKind::Collision,
        "the newly made session id exists already, so nothing was written; see whether the machine's random numbers are \
         sound",
    )
}

impl Sessions {
    /// The sessions that these settings mean.
    pub fn open(settings: &Settings) -> Result<Sessions> {
        let host = Host::open(settings)?;
        let locks = HostLocks::open(host.directory(), Arc::clone(host.shared()))?;
        let migration = settings.migrate_from.as_ref().map(|from| from.open(settings.lock_wait)).transpose()?;
        let user_keys = Marked::new(&settings.user_key);
        let volatile_keys = Marked::new(&settings.volatile_keys);
        Ok(Sessions { host, locks, settings: settings.clone(), migration, user_keys, volatile_keys })
    }

    /// The store.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Whether the store's directory was deleted behind our back.
    pub fn is_unlinked(&self) -> bool {
        self.locks.is_unlinked()
    }

    /// Locks and reads a session. With [`Access::ExclusiveIfExists`] a missing one is neither locked nor held:
    /// `Ok(None)`.
    ///
    /// # Errors
    /// [`ErrorKind::LockTimeout`] if others held it for longer than `rustdb.lock_wait`.
    pub fn begin(&self, id: SessionId<'_>, access: Access) -> Result<Option<Held>> {
        match self.begin_at(id, access)? {
            Some(led) if led.lead.is_some() => self.follow(id, access, led),
            begun => Ok(begun),
        }
    }

    /// The same, without going where a lead leads to.
    fn begin_at(&self, id: SessionId<'_>, access: Access) -> Result<Option<Held>> {
        let (name, lock_wait) = self.lock(id, access)?;
        // Lets go of it on every way out but the last, panics included.
        let lock = Lock { locks: &self.locks, name };
        let begun = Instant::now();
        let mut found = self.host.store().begin(id, access, None)?;
        if found.found == Found::Missing && access != Access::Fresh {
            if let Some(old) = &self.migration {
                found = self.bring_over(old, id, access, found)?;
            }
        }
        let lead = self.take_lead(id, access, &mut found)?;
        let read = begun.elapsed();
        if found.lease.token != 0 {
            // It has to be renewed.
            self.host.wake(false);
        }
        if found.found == Found::Missing && access == Access::ExclusiveIfExists && lead.is_none() {
            return Ok(None);
        }
        let (known, payload, visitor) = match found.found {
            Found::Record(record) => {
                (Some((record.version, record.expires)), record.payload.into_owned(), record.visitor)
            }
            Found::Missing | Found::Current(_) => (None, Vec::new(), Visitor::UNKNOWN),
        };
        let source = match (known.is_some(), found.lease.unbuffered) {
            (false, _) => Source::New,
            (true, true) => Source::Store,
            (true, false) => Source::Buffer,
        };
        let may_be_replaced = self.has_grace() && access != Access::ReadOnly;
        Ok(Some(Held {
            id: id.as_bytes().into(),
            asked: None,
            lead,
            kept: may_be_replaced.then(|| payload.clone()),
            access,
            lock: lock.keep(),
            lease: found.lease,
            known,
            visitor,
            payload: Some(payload),
            before: None,
            committed: false,
            spent: false,
            generation: process::generation(),
            report: Report { source, lock_wait, read, written: Written::None, write: Duration::ZERO },
        }))
    }

    /// Reads a session that is in use once more.
    pub fn reread(&self, held: &mut Held) -> Result<Vec<u8>> {
        if held.generation != process::generation() {
            return Ok(Vec::new());
        }
        let begun = self.host.store().begin(SessionId::parse(&held.id)?, Access::ReadOnly, None)?;
        Ok(match begun.found {
            Found::Record(record) if !lead::is_lead(&record.payload) => {
                held.before = None;
                held.known = Some((record.version, record.expires));
                record.payload.into_owned()
            }
            _ => {
                held.before = None;
                held.known = None;
                Vec::new()
            }
        })
    }

    /// Takes back the payload that was taken of a session, unchanged, to compare it with what is written in the end.
    pub fn give_back(&self, held: &mut Held, payload: Vec<u8>) {
        // What was handed over is new to PHP, and not what is stored.
        let compares = held.known.is_some() && !held.committed && !self.volatile_keys.is_empty();
        held.before = compares.then_some(payload);
    }

    /// Whether a payload differs from what was read in nothing but values that are no reason to write.
    fn differs_in_passing(&self, held: &Held, payload: &[u8], client: &dyn Client) -> bool {
        let Some(before) = held.before.as_deref() else { return false };
        self.volatile_keys.may_stand_in(payload)
            && client
                .format()
                .is_some_and(|format| contents::same_but_for(before, payload, format, &self.volatile_keys.paths))
    }

    /// Carries out what the request wants. `lifetime`: in seconds, as PHP gave it. `client`: who asks.
    ///
    /// # Errors
    /// Whatever the store has to say. The session keeps its last good state, or has its new one in the buffer, from
    /// where the background thread goes on trying to bring it to the store.
    pub fn commit(&self, held: &mut Held, intent: Intent<'_>, lifetime: i64, client: &dyn Client) -> Result<()> {
        if held.generation != process::generation() || held.access == Access::ReadOnly {
            // A child does not write its parent's session, and who came to read only holds no lock.
            return Ok(());
        }
        if let Intent::Unchanged(payload) | Intent::Write(payload) = intent {
            if lead::is_lead(payload) {
                return Err(Error::new(
                    ErrorKind::Refused,
                    "the session was not written: it looks like a mark of rustdb's own (rustdb.regenerate_grace)",
                ));
            }
        }
        let begun = Instant::now();
        if held.spent && self.host.has_leases() {
            // A second change in one request: the lease went with the first one.
            if !self.begin_anew(held)? {
                return Ok(());
            }
        }
        let lifetime = self.settings.lifetime.unwrap_or_else(|| lifetime_of(lifetime));
        let now = now();
        // The expiry carries a margin, so that moving it can wait that long and nobody is logged out early.
        let margin = self.settings.touch_interval.min(lifetime / 10);
        let expires = Expiry::after(now, lifetime + margin);
        let written = match intent {
            Intent::Destroy => {
                match self.end_old_copy(held, lifetime, now)? {
                    None => {
                        self.apply(held, Change::Destroy)?;
                        held.lease.existed = false;
                    }
                    Some(empty) => {
                        self.apply(held, Change::Write(&empty))?;
                        held.lease.existed = true;
                    }
                }
                held.known = None;
                held.lease.fresh = false;
                Written::Destroy
            }
            Intent::Unchanged(payload) | Intent::Write(payload) => {
                let mut record = match (intent, held.known) {
                    (Intent::Unchanged(_), Some((version, _))) => Record::of_version(version, payload, expires),
                    _ => Record::new(payload, expires),
                };
                // Without `session.lazy_write` PHP writes what it has read.
                let is_same = held.known.is_some_and(|(version, _)| version == record.version);
                let lives_on = |(_, kept): (Version, Expiry)| (Expiry::after(now, lifetime)..=expires).contains(&kept);
                if held.known.is_some_and(lives_on) && (is_same || self.differs_in_passing(held, payload, client)) {
                    Written::None
                } else {
                    let visitor = self.visitor(std::mem::take(&mut held.visitor), payload, client);
                    record.visitor = visitor.by_ref();
                    let written = if is_same { self.touch(held, &record) } else { self.write(held, &record) };
                    held.visitor = visitor;
                    written?
                }
            }
        };
        if written != Written::None {
            held.committed = true;
            self.flush_if_through(SessionId::parse(&held.id)?)?;
        }
        held.report.written = written;
        held.report.write += begun.elapsed();
        Ok(())
    }

    /// Waits until the store has a session that was committed, where it is written through.
    fn flush_if_through(&self, id: SessionId<'_>) -> Result<()> {
        match self.settings.write {
            WriteMode::Through => self.host.flush_through(id, self.settings.lock_wait),
            WriteMode::Behind => Ok(()),
        }
    }

    /// Lets go of a session. Without a commit it stays as it was.
    pub fn release(&self, held: Held) -> Report {
        if held.generation == process::generation() {
            // Only who has the session alone knows that the store has nothing newer.
            let alone = held.access != Access::ReadOnly && self.settings.lock == LockMode::Exclusive;
            let is_new_to_buffer = !held.committed && held.lease.unbuffered && alone;
            let has_lease = !held.spent && held.lease.token != 0;
            if is_new_to_buffer || has_lease {
                if let Ok(id) = SessionId::parse(&held.id) {
                    if let Err(error) = self.host.store().commit(id, Change::None, held.lease) {
                        self.host.notices().note(error);
                    }
                }
            }
            drop(Lock { locks: &self.locks, name: held.lock });
        }
        held.report
    }

    /// Whether chance has it that this request asks for garbage collection.
    pub fn draws_gc(&self) -> bool {
        let Settings { gc_probability, gc_divisor, .. } = self.settings;
        gc_probability > 0 && rand::rng().random_range(0..gc_divisor) < gc_probability
    }

    /// Moves the expiry of a session that has the payload of `record` already.
    fn touch(&self, held: &mut Held, record: &Record<'_>) -> Result<Written> {
        match self.apply(held, Change::Touch(record.expires, &record.visitor))? {
            Committed::Gone => self.write(held, record),
            Committed::Ended => {
                held.known = None;
                Ok(Written::None)
            }
            _ => {
                held.known = Some((record.version, record.expires));
                Ok(Written::Touch)
            }
        }
    }

    fn write(&self, held: &mut Held, record: &Record<'_>) -> Result<Written> {
        match self.apply(held, Change::Write(record))? {
            Committed::Collision => Err(collision()),
            Committed::Ended => {
                held.known = None;
                Ok(Written::None)
            }
            _ => {
                held.known = Some((record.version, record.expires));
                held.lease.existed = true;
                held.lease.fresh = false;
                Ok(Written::Write)
            }
        }
    }

    /// Takes the lease of a session once more. `false`: somebody has given the session another id meanwhile.
    fn begin_anew(&self, held: &mut Held) -> Result<bool> {
        let begun = self.host.store().begin(SessionId::parse(&held.id)?, Access::Exclusive, None)?;
        // What is gone that was there is not made again, if the store can tell that it was destroyed.
        held.lease = Lease { existed: begun.lease.existed || held.exists(), ..begun.lease };
        held.spent = false;
        let record = match begun.found {
            Found::Record(record) => Some(record),
            Found::Missing | Found::Current(_) => None,
        };
        let replaced = record.as_ref().is_some_and(|record| lead::is_lead(&record.payload));
        held.known = record.filter(|_| !replaced).map(|record| (record.version, record.expires));
        Ok(!replaced)
    }

    fn apply(&self, held: &mut Held, change: Change<'_>) -> Result<Committed> {
        held.before = None;
        let id = SessionId::parse(&held.id)?;
        let applied = match (change, self.settings.write) {
            (Change::Write(record), WriteMode::Through) if held.lease.fresh => self.host.insert(id, record, held.lease),
            _ => self.host.store().commit(id, change, held.lease),
        };
        held.spent = matches!(&applied, Ok(committed) if *committed != Committed::Gone);
        if matches!(applied, Ok(Committed::LeaseLost)) {
            self.host.shared().add(Counter::LeasesLost, 1);
            return Err(Error::new(
                ErrorKind::LeaseLost,
                "the lock of the session was lost to another request while this one ran (its connection to the store was \
                 cut, or the store was out of reach for seconds), so nothing was written",
            ));
        }
        // Also after a failure: the buffer may have it.
        self.host.wake_after_write();
        applied
    }
}
