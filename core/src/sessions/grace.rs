//! `rustdb.regenerate_grace`: requests that still carry an id which `session_regenerate_id(true)` has replaced find the
//! session under its new one.
//!
//! # Handing over
//! The new id is known before the old session ends, and has the session, as it is stored, before anybody is led there:
//! whoever comes by the old id meets the session at every moment, also if the script dies before it writes. Then a
//! [`lead`] takes the old session's place, in the one commit that ends it. The new id is locked before, by the request that
//! made it up, so nobody can be in its way; followers let go of the old id before they wait for the new one. So
//! no two requests ever wait for each other.
//!
//! Without locks (`rustdb.lock = none`) a slower request may be about to write the old session, and only a session that is
//! really destroyed stays so: there the lead lies beside it.
//!
//! # Following
//! A lead to a session that is gone leads nowhere: the old id has no session, as without a lead.

use super::{Held, Intent, Sessions, Told, Written, collision};
use crate::config::LockMode;
use crate::error::Result;
use crate::lead;
use crate::process;
use crate::record::{Expiry, Record, SessionId, Version, now};
use crate::store::{Access, Begun, Change, Committed, Found, Lease};
use crate::visitor::{User, Visitor};

/// How many leads are followed: ids that were replaced one after the other within the grace.
const HOPS: usize = 8;

/// Where a lead leads to, or `None` where it leads nowhere.
pub(super) type Lead = Option<Box<[u8]>>;

impl Sessions {
    /// Makes sure that what was found is a session, and returns the lead if it is one.
    pub(super) fn take_lead(&self, id: SessionId<'_>, access: Access, begun: &mut Begun) -> Result<Option<Lead>> {
        let grace = self.settings.regenerate_grace > 0;
        let text = match &begun.found {
            Found::Record(record) if lead::is_lead(&record.payload) => record.payload.to_vec(),
            Found::Missing if grace && access != Access::Fresh && self.settings.lock == LockMode::None => {
                let beside = lead::beside(id);
                let place = SessionId::parse(beside.as_bytes())?;
                match self.host.store().begin(place, Access::ReadOnly, None)?.found {
                    Found::Record(record) if lead::is_lead(&record.payload) => record.payload.into_owned(),
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        begun.found = Found::Missing;
        begun.lease.existed = false;
        Ok(Some(lead::decode(id, &text).filter(|_| grace).map(|new| new.as_bytes().into())))
    }

    /// Goes where `led`, which was found for `id`, leads to. The answer is that of `begin`.
    pub(super) fn follow(&self, id: SessionId<'_>, access: Access, led: Held) -> Result<Option<Held>> {
        // Nothing is made where a lead leads to.
        let if_exists = if access == Access::Exclusive { Access::ExclusiveIfExists } else { access };
        let mut at = Some(led);
        for _ in 0..HOPS {
            let Some(held) = at.take() else { break };
            let target = held.lead.clone().flatten();
            // Before the next one is waited for.
            let waited = self.release(held).lock_wait;
            let Some(target) = target else { break };
            at = self.begin_at(SessionId::parse(&target)?, if_exists)?;
            if let Some(mut held) = at.take_if(|held| held.exists()) {
                held.asked = Some(id.as_bytes().into());
                held.report.lock_wait += waited;
                return Ok(Some(held));
            }
        }
        if let Some(held) = at {
            self.release(held);
        }
        if access == Access::ExclusiveIfExists {
            return Ok(None);
        }
        let held = self.begin_at(id, access)?;
        Ok(held.map(|held| Held { lead: None, ..held }))
    }

    /// Whether ids that are replaced lead to the new ones for a while.
    pub fn has_grace(&self) -> bool {
        self.settings.regenerate_grace > 0
    }

    /// Ends a session and has its id lead to `new`, where the session goes on: it is locked, and returned.
    /// `unguessable`: the new id was just made from at least 128 random bits. `None`: nothing was done, and the session is to
    /// be destroyed as usual.
    ///
    /// # Errors
    /// Whatever the store has to say about the end of the old session.
    pub fn hand_over(&self, old: &mut Held, new: SessionId<'_>, unguessable: bool) -> Result<Option<Held>> {
        let writes = old.access != Access::ReadOnly && old.generation == process::generation();
        if !self.has_grace() || !writes || !old.exists() {
            return Ok(None);
        }
        let heir = match self.copy_to(old, new, unguessable) {
            Ok(Some(heir)) => heir,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.host.notices().note(error);
                return Ok(None);
            }
        };
        match self.leave_lead(old, new) {
            Ok(true) => Ok(Some(heir)),
            ended => {
                self.discard(heir);
                ended.map(|_| None)
            }
        }
    }

    /// Ends a session that was handed over, and that nobody goes on with.
    pub fn discard(&self, mut heir: Held) {
        if let Err(error) = self.commit(&mut heir, Intent::Destroy, 0, &Told::default()) {
            self.host.notices().note(error);
        }
        self.release(heir);
    }

    /// Locks `new` and gives it the old session as it is stored. Both are one round trip: a lease that was taken before or
    /// afterwards would be another.
    fn copy_to(&self, old: &Held, new: SessionId<'_>, unguessable: bool) -> Result<Option<Held>> {
        let Some((version, expires)) = old.known else { return Ok(None) };
        if !unguessable {
            // There may be such a session, here or where sessions were kept before.
            if let Some(there) = self.begin_at(new, Access::ExclusiveIfExists)? {
                self.release(there);
                return Ok(None);
            }
        }
        let Some(mut heir) = self.begin_at(new, Access::Fresh)? else { return Ok(None) };
        let kept = old.kept.as_deref().filter(|kept| Version::of(kept) == version);
        let created = || -> Result<bool> {
            let record = match kept {
                Some(kept) => Record { visitor: old.visitor.clone(), ..Record::of_version(version, kept, expires) },
                None => match self.host.store().begin(SessionId::parse(&old.id)?, Access::ReadOnly, None)?.found {
                    Found::Record(record) if !lead::is_lead(&record.payload) => record,
                    _ => return Ok(false),
                },
            };
            self.create(&mut heir, &record)?;
            heir.visitor = record.visitor.into_owned();
            Ok(true)
        }();
        if !matches!(created, Ok(true)) {
            self.release(heir);
            return created.map(|_| None);
        }
        heir.committed = true;
        if let (User::Unknown, true, Some((_, expires))) =
            (heir.visitor.user(), self.settings.track.user, &mut heir.known)
        {
            // A store that keeps no visitors with sessions has not been told whose this one is. Who uses it is noted at
            // the end, when it has to be let go anyway, also if it is unchanged then.
            *expires = Expiry(0);
        }
        // To PHP it is a new one.
        heir.payload = Some(Vec::new());
        Ok(Some(heir))
    }

    /// Writes a session that goes on under an id which was made a moment ago.
    fn create(&self, heir: &mut Held, record: &Record<'_>) -> Result<()> {
        let id = heir.id.clone();
        let id = SessionId::parse(&id)?;
        if !self.host.has_leases() {
            self.write(heir, record)?;
            return self.flush_if_through(id);
        }
        heir.lease = self.host.store().create(id, record)?.ok_or_else(collision)?;
        heir.known = Some((record.version, record.expires));
        // The lease has to be renewed.
        self.host.wake(false);
        Ok(())
    }

    /// Ends the old session and leaves a lead. `false`: it is to be destroyed as usual.
    fn leave_lead(&self, old: &mut Held, new: SessionId<'_>) -> Result<bool> {
        let id = old.id.clone();
        let id = SessionId::parse(&id)?;
        let now = now();
        let expires = Expiry::after(now, self.settings.regenerate_grace);
        let nobody = Visitor::new(&User::Nobody, None, None);
        let record = Record { visitor: nobody, ..Record::new(lead::encode(id, new), expires) };
        if self.settings.lock == LockMode::None {
            let beside = lead::beside(id);
            let place = SessionId::parse(beside.as_bytes())?;
            self.host.store().commit(place, Change::Write(&record), Lease::default())?;
            self.flush_if_through(place)?;
            self.commit(old, Intent::Destroy, 0, &Told::default())?;
            return Ok(true);
        }
        if old.spent && self.host.has_leases() {
            self.begin_anew(old)?;
        }
        if !old.exists() || self.end_old_copy(old, 0, now)?.is_some() {
            return Ok(false);
        }
        if self.apply(old, Change::Write(&record))? != Committed::Done {
            return Ok(false);
        }
        old.known = None;
        old.lease.existed = false;
        old.committed = true;
        old.report.written = Written::Destroy;
        self.flush_if_through(id)?;
        Ok(true)
    }
}
