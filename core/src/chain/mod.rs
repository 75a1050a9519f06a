//! Redis in front of MySQL: a store made of two. MySQL has every session, and every lease; Redis has copies of large
//! payloads, so that MySQL need not send them.
//!
//! # Who is believed
//! MySQL alone says whether a session exists, what its version is, when it ends, and who has it locked. A copy from
//! Redis is used only if its hash is the version that MySQL names in answer to `begin`: it is handed over as `known`, and
//! only [`Found::Current`] lets it pass. So nothing that happens to Redis can show in a session: an outage during a
//! commit, which leaves the older copy there, a flush, a restart with an old dump, a replica that takes over, a machine that
//! does not reach it while others do, machines with a Redis each, or with none. Each costs a round trip or a payload
//! sent once more.
//!
//! # Why the lease is MySQL's
//! A lease has to be where everybody who wants the session asks. A machine that cannot reach Redis has to be able to go on,
//! so it has to ask MySQL; then one that does reach Redis has to ask MySQL too, or each would hold a lease of its
//! own. The same holds for reading without a lease: whoever commits without Redis cannot take back what lies there, so
//! whoever read from Redis alone would see the older state.
//!
//! # Round trips
//! Therefore each request asks MySQL, as often as without a chain, and Redis can only spare MySQL the payload. That is
//! worth a round trip for large payloads alone, so Redis is asked for those that are known to be large ([`copies`]), and
//! small sessions never get there:
//!
//! ```text
//!                     small           large
//! begin               MySQL           Redis, MySQL            (lacking in Redis: and Redis, to fill it)
//! commit, unchanged   MySQL           MySQL
//! commit, modified    MySQL           MySQL, Redis
//! destroy             MySQL, Redis    MySQL, Redis
//! ```
//! Redis is asked before the lease is taken, and told of changes after it has been let go, so that other machines wait for
//! it only while a copy is filled in. Copies may then come to Redis in another order than the commits to MySQL: the wrong one is not believed, and the next who
//! looks replaces it.
//!
//! # What ended
//! A destroyed session is gone from MySQL, so no copy of it is ever looked at. That its copy does not outlive it either is
//! good manners: it is removed, and a tombstone of Redis's own refuses copies that come late. Where Redis is out of
//! reach, the copy goes when the session would have ended.
//!
//! # Trouble
//! A Redis that fails is left alone by the whole machine for a few seconds, and its limits are tight ([`front`]). A MySQL that
//! fails, fails the request: what cannot be written is not served.

pub mod copies;
pub mod front;

use crate::entry;
use crate::error::{Error, Result};
use crate::notices::Notices;
use crate::record::{Record, SessionId, Version};
use crate::store::{
    Access, Backend, Batch, Begun, ByUser, Change, Committed, Found, Lease, Listed, Store, Sweep, Swept, Whose,
};
use copies::Copies;

/// A store with copies of its large payloads in another one.
pub struct Chain<F, B> {
    front: F,
    behind: B,
    copies: Copies,
    /// The smallest payload that gets a copy, in bytes.
    least: usize,
}

impl<F: Batch, B: Backend> Chain<F, B> {
    /// `front` has the copies, `behind` the sessions. `front` takes no leases.
    pub fn new(front: F, behind: B, copies: Copies, least: usize) -> Chain<F, B> {
        Chain { front, behind, copies, least }
    }

    /// The store that has the copies.
    pub fn front(&self) -> &F {
        &self.front
    }

    /// Asks the front for something, unless it is left alone. `None` also if it failed, of which the log hears.
    fn ask<T>(&self, what: impl FnOnce(&F) -> Result<T>) -> Option<T> {
        if !self.copies.may_try() {
            return None;
        }
        let answer = what(&self.front);
        self.copies.settle(answer.is_ok());
        answer
            .map_err(|error| {
                let message = format!("{error}; sessions go on without it, from the store behind it");
                self.behind.notices().note(Error::new(error.kind(), message));
            })
            .ok()
    }

    /// The copy of a session, of whatever age it is.
    fn copy(&self, id: SessionId<'_>) -> Option<Record<'static>> {
        match self.ask(|front| front.begin(id, Access::ReadOnly, None))?.found {
            Found::Record(record) => Some(record),
            // Nothing is known, so nothing can be current.
            Found::Missing | Found::Current(_) => None,
        }
    }

    /// Makes `record` the copy. `existed`: a session that was destroyed a moment ago gets none.
    fn keep(&self, id: SessionId<'_>, record: &Record<'_>, existed: bool) {
        let lease = Lease { existed, ..Lease::default() };
        // Whose session it is, is asked behind.
        let copy = Record::of_version(record.version, &*record.payload, record.expires);
        self.ask(|front| front.commit(id, Change::Write(&copy), lease));
    }

    /// Removes the copy of a session that lives on without one, or ended long ago.
    fn remove(&self, id: SessionId<'_>) {
        self.copies.note(id, false);
        let gone = entry::encode_tombstone(id);
        self.ask(|front| front.apply(&mut [(id, gone.as_slice())].into_iter()));
    }
}

impl<F: Batch, B: Backend> Store for Chain<F, B> {
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun> {
        let asks = known.is_none() && access != Access::Fresh && self.copies.has(id);
        let copy = if asks { self.copy(id) } else { None };
        let version = copy.as_ref().map(|copy| copy.version);
        let mut begun = self.behind.begin(id, access, known.or(version))?;
        match (&begun.found, copy) {
            (Found::Current(expires), Some(copy)) => {
                begun.found = Found::Record(Record { expires: *expires, ..copy });
            }
            (Found::Record(record), _) if record.payload.len() >= self.least => {
                self.copies.note(id, true);
                if asks {
                    self.keep(id, record, true);
                }
            }
            (Found::Record(_) | Found::Missing, _) if asks => self.remove(id),
            _ => {}
        }
        Ok(begun)
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        let committed = self.behind.commit(id, change, lease)?;
        match (change, committed) {
            (Change::Write(record), Committed::Done) if record.payload.len() >= self.least => {
                self.copies.note(id, true);
                self.keep(id, record, lease.existed);
            }
            (Change::Destroy, Committed::Done) => {
                self.copies.note(id, false);
                self.ask(|front| front.commit(id, Change::Destroy, Lease::default()));
            }
            // It shrank, or was ended by somebody else.
            (Change::Write(_), Committed::Done) | (_, Committed::Ended) if self.copies.has(id) => {
                self.remove(id);
            }
            _ => {}
        }
        Ok(committed)
    }

    fn create(&self, id: SessionId<'_>, record: &Record<'_>) -> Result<Option<Lease>> {
        let created = self.behind.create(id, record)?;
        if created.is_some() && record.payload.len() >= self.least {
            self.copies.note(id, true);
            self.keep(id, record, false);
        }
        Ok(created)
    }
}

impl<F: Batch, B: Backend> Batch for Chain<F, B> {
    /// Copies stay as they are: those that are not current any more are not believed.
    fn apply(&self, changes: &mut dyn Iterator<Item = (SessionId<'_>, &[u8])>) -> Result<()> {
        self.behind.apply(changes)
    }
}

impl<F: Batch, B: Backend> Sweep for Chain<F, B> {
    /// Copies end by themselves.
    fn sweep(
        &self,
        now: i64,
        limit: usize,
        skip: usize,
        may_collect: &mut dyn FnMut(SessionId<'_>) -> bool,
    ) -> Result<Swept> {
        self.behind.sweep(now, limit, skip, may_collect)
    }
}

impl<F: Batch, B: Backend> ByUser for Chain<F, B> {
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        self.behind.of_user(whose)
    }
}

impl<F: Batch, B: Backend> Backend for Chain<F, B> {
    fn has_leases(&self) -> bool {
        self.behind.has_leases()
    }

    fn maintain(&self) -> bool {
        self.behind.maintain()
    }

    fn notices(&self) -> &Notices {
        self.behind.notices()
    }

    fn bytes(&self) -> Option<u64> {
        self.behind.bytes()
    }

    fn owner(&self, claim: Option<&str>) -> Result<Option<String>> {
        self.behind.owner(claim)
    }
}
