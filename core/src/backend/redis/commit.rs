//! `commit`: the change and the end of the lease, in one round trip.

use std::borrow::Cow;

use redis::Value;

use super::begin::{Look, Looking};
use super::script::{COMMIT, Call};
use super::{End, Redis, TOMBSTONE, leases, milliseconds};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Expiry, SessionId};
use crate::store::{Change, Committed, Lease};

/// What became of a change.
enum Outcome {
    /// What the caller is told.
    Committed(Committed),
    /// Nothing was changed: nobody has the lock.
    Unlocked,
}

impl Redis {
    /// Carries out a change and lets go of the lease.
    pub(super) fn change(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        let committed = self.carry_out(id, change, lease);
        // After an error too: nobody goes on with this lease, and it soon ends by itself.
        if lease.token != 0 && !matches!(committed, Ok(Committed::Gone)) {
            self.leases.remove(lease.token);
        }
        committed
    }

    fn carry_out(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        let (outcome, repeated) = self.send(id, change, lease)?;
        let committed = match outcome {
            Outcome::Committed(committed) => committed,
            Outcome::Unlocked => self.take_again(id, change, lease)?,
        };
        if repeated && committed == Committed::LeaseLost {
            if matches!(change, Change::None) {
                // It was let go the first time.
                return Ok(Committed::Done);
            }
            return Err(Error::new(
                ErrorKind::Unreachable,
                format!(
                    "the connection to {} broke while a session was being written, and others have changed the session \
                     since; whether it was written first is not known",
                    self.link.server()
                ),
            ));
        }
        Ok(committed)
    }

    /// Also tells whether it was sent twice.
    fn send(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<(Outcome, bool)> {
        let (name, expires, payload) = match change {
            Change::None if lease.token == 0 => return Ok((Outcome::Committed(Committed::Done), false)),
            Change::None => ("none", None, None),
            Change::Touch(expires, _) => ("touch", Some(expires), None),
            Change::Write(record) if lease.fresh => ("insert", Some(record.expires), Some(&record.payload)),
            Change::Write(record) => ("write", Some(record.expires), Some(&record.payload)),
            Change::Destroy => ("destroy", None, None),
        };
        let end = End::of(expires.unwrap_or(Expiry(0)));
        let call = Call::new(&COMMIT, self.keys.all(id))
            .bytes(if lease.token == 0 { Vec::new() } else { leases::text(lease.token).into_bytes() })
            .bytes(name.as_bytes())
            .flag(lease.existed)
            .number(end.at)
            .number(end.left)
            .number(milliseconds(TOMBSTONE))
            .bytes(payload.map_or(Cow::Borrowed(b"".as_slice()), |payload| Cow::Borrowed(&**payload)));
        let answer = self.link.run(call, None)?;
        let outcome = Outcome::Committed(match answer.value {
            Value::Int(0) => Committed::Done,
            Value::Int(1) => Committed::Gone,
            Value::Int(2) => Committed::Ended,
            Value::Int(3) => Committed::LeaseLost,
            Value::Int(4) => Committed::Collision,
            Value::Int(5) => return Ok((Outcome::Unlocked, answer.repeated)),
            _ => return Err(self.link.strange()),
        });
        Ok((outcome, answer.repeated))
    }

    /// Goes on where nobody has the lock, though we had it: it was evicted or flushed, it ended while the server or this
    /// machine stood still, or the answer to this very change was lost. If the session is what it was at `begin`, nobody
    /// has changed it since, and if it is missing, a tombstone tells whether somebody destroyed it; either way the
    /// change is as good now as it was then. If it is what it is to become, it has been carried out.
    fn take_again(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        if matches!(change, Change::None) {
            return Ok(Committed::Done);
        }
        let Some(seen) = self.leases.seen(lease.token) else { return Ok(Committed::LeaseLost) };
        let look = self.look(id, lease.token, Looking::default())?;
        let there = match look {
            Look::Held(_) => return Ok(Committed::LeaseLost),
            _ => look.version(),
        };
        let change = match change {
            _ if there.is_none() || there == seen => change,
            Change::Write(record) if there == Some(record.version) => Change::None,
            _ => {
                self.send(id, Change::None, lease)?;
                return Ok(Committed::LeaseLost);
            }
        };
        match self.send(id, change, lease)?.0 {
            Outcome::Committed(committed) => Ok(committed),
            Outcome::Unlocked => Ok(Committed::LeaseLost),
        }
    }
}
