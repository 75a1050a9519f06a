//! `rustdb.migrate_from`: sessions that are brought over from where they were kept before ([`crate::migrate`]), each when it
//! is first asked for and under its lock.

use super::{Held, Sessions};
use crate::config::LockMode;
use crate::error::{Error, ErrorKind, Result};
use crate::migrate::Migration;
use crate::record::{Expiry, Record, SessionId};
use crate::shared::Counter;
use crate::store::{Access, Begun, Change, Committed, Found, Lease};
use crate::visitor::{User, Visitor};

impl Sessions {
    /// Brings a session that the store does not have over from where it was kept before. `begun`: what the store answered,
    /// and whose lease is held.
    #[cold]
    pub(super) fn bring_over(&self, old: &Migration, id: SessionId<'_>, access: Access, begun: Begun) -> Result<Begun> {
        if access == Access::ReadOnly {
            // It holds no lock, so nothing is written.
            let Some(record) = old.look_at(id)? else { return self.look_again(old, id, access, begun) };
            let lease = Lease { existed: true, unbuffered: true, ..begun.lease };
            return Ok(Begun { found: Found::Record(record), lease });
        }
        let store = self.host.store();
        let mut begun = begun;
        if access == Access::ExclusiveIfExists {
            // Most ids that nobody knows are nowhere else either, and shall not be locked.
            if old.look_at(id)?.is_none() {
                return self.look_again(old, id, access, begun);
            }
            begun = store.begin(id, Access::Exclusive, None)?;
            if begun.found != Found::Missing {
                return Ok(begun);
            }
        }
        // Looked for under the lease: another machine may have brought it over, and ended it.
        let alone = self.settings.lock == LockMode::Exclusive;
        let mut lease = begun.lease;
        if !alone {
            // Another request may be doing the same, and be further on: what is there already stays, and what it has ended
            // since stays ended.
            (lease.fresh, lease.existed) = (true, true);
        }
        let (mut spent, mut ours) = (false, false);
        let brought = old.bring(id, &mut |record| {
            spent = true;
            match store.commit(id, Change::Write(&record), lease)? {
                Committed::LeaseLost => Err(Error::new(
                    ErrorKind::LeaseLost,
                    "the lock of a session that was being brought over (rustdb.migrate_from) was lost, so it stays where it \
                     was; the next request tries again",
                )),
                // The old copy may go once this one would survive a crash.
                Committed::Done => {
                    ours = true;
                    Ok(self.host.is_flushed_through(id, self.settings.lock_wait)? && alone)
                }
                // Another request was faster; the old copy is its affair.
                _ => Ok(false),
            }
        });
        match brought {
            Ok((true, trouble)) => {
                trouble.into_iter().for_each(|error| self.host.notices().note(error));
                if ours {
                    self.host.shared().add(Counter::SessionsMigrated, 1);
                    if !alone {
                        self.look_back(old, id)?;
                    }
                }
                store.begin(id, access, None)
            }
            Ok((false, _)) if !alone => self.look_again(old, id, access, begun),
            Ok((false, _)) if access == Access::Exclusive => Ok(begun),
            ended => {
                if !spent {
                    store.commit(id, Change::None, begun.lease)?;
                }
                ended.map(|_| begun)
            }
        }
    }

    /// What was neither here nor there to who holds no lock may have been moved between the two looks.
    fn look_again(&self, old: &Migration, id: SessionId<'_>, access: Access, begun: Begun) -> Result<Begun> {
        if old.removes() { self.host.store().begin(id, access, None) } else { Ok(begun) }
    }

    /// Without locks a request may have ended a session while this one brought it over: the old copy is gone then.
    fn look_back(&self, old: &Migration, id: SessionId<'_>) -> Result<()> {
        if old.look_at(id)?.is_none() {
            self.host.store().commit(id, Change::Destroy, Lease::default())?;
        } else if old.removes() && self.host.is_flushed_through(id, self.settings.lock_wait)? {
            if let Err(error) = old.remove(id) {
                self.host.notices().note(error);
            }
        }
        Ok(())
    }

    /// Removes the copy of a session that ends from where it was kept before, so that it does not come back. Where that
    /// cannot be done: an empty session that is to take its place here until the copy has expired.
    pub(super) fn end_old_copy(&self, held: &Held, lifetime: u64, now: i64) -> Result<Option<Record<'static>>> {
        // An id that was made here was never there.
        let Some(old) = self.migration.as_ref().filter(|_| held.access != Access::Fresh) else { return Ok(None) };
        let id = SessionId::parse(&held.id)?;
        let Err(error) = old.remove(id) else { return Ok(None) };
        let Some(end) = old.outlives(id, now) else { return Ok(None) };
        self.host.notices().note(error);
        let nobody = Visitor::new(&User::Nobody, None, None);
        Ok(Some(Record { visitor: nobody, ..Record::new(Vec::new(), end.max(Expiry::after(now, lifetime))) }))
    }
}
