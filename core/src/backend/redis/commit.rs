//! `commit`: the change and the end of the lease, in one round trip.

use rand::RngExt;
use redis::Value;

use super::begin::{Look, Looking};
use super::script::{COMMIT, Call};
use super::{End, Redis, TOMBSTONE, leases, milliseconds};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Expiry, SessionId};
use crate::store::{Change, Committed, Lease};

/// The size from which a payload goes past the script and not through it, where Lua would hash it byte by byte. Below it a
/// second command costs more than that saves.
const LARGE: usize = 4 << 10;

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
        let payload = payload.map_or(b"".as_slice(), |payload| payload);
        let mut staged = payload.len() >= LARGE;
        let mut repeated = false;
        let outcome = loop {
            let mut call = Call::new(&COMMIT, self.keys.all(id))
                .bytes(if lease.token == 0 { Vec::new() } else { leases::text(lease.token).into_bytes() })
                .bytes(name.as_bytes())
                .flag(lease.existed)
                .number(end.at)
                .number(end.left)
                .number(milliseconds(TOMBSTONE));
            call = match staged {
                true => call.bytes(b"".as_slice()).stage(self.keys.staged(id, rand::rng().random()), payload),
                false => call.bytes(payload),
            };
            call.repeated = repeated;
            let answer = self.link.run_beside(call, self.hint_of(id, change))?;
            answer.trouble.into_iter().for_each(|trouble| self.note_lost_hint(trouble));
            repeated = answer.repeated;
            break Outcome::Committed(match answer.value {
                Value::Int(0) => Committed::Done,
                Value::Int(1) => Committed::Gone,
                Value::Int(2) => Committed::Ended,
                Value::Int(3) => Committed::LeaseLost,
                Value::Int(4) => Committed::Collision,
                Value::Int(5) => return Ok((Outcome::Unlocked, repeated)),
                // The server has no memory, or has evicted it at once. Then it is the script that is to be refused.
                Value::Int(6) if staged => {
                    staged = false;
                    continue;
                }
                _ => return Err(self.link.strange()),
            });
        };
        Ok((outcome, repeated))
    }

    /// Lets go of a lease of which nobody has been told. What comes of it does not matter: it soon ends by itself.
    pub(super) fn let_go(&self, id: SessionId<'_>, token: u128) {
        if token != 0 {
            let lease = Lease { token, existed: false, fresh: false, unbuffered: false };
            let _ = self.send(id, Change::None, lease);
        }
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
