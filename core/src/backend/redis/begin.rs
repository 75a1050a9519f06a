//! `begin`: the lease and the session, in one round trip when nobody else has it, and waiting when somebody has.

use std::time::{Duration, Instant};

use rand::RngExt;
use redis::Value;

use super::exchange::Pause;
use super::script::{BEGIN, CREATE, Call};
use super::{End, Redis, clock, leases, milliseconds};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Record, SessionId, Version};
use crate::store::{self, Access, Begun, Change, Committed, Found, Lease, Store};

/// How soon to look again at a lock of rustdb's, whose holder wakes us when it lets go, unless it dies.
const SELDOM: Duration = Duration::from_millis(250);
/// How soon to look again at a lock of phpredis's, which wakes nobody. It looks every 20 ms itself, unless told otherwise
/// (redis_session.c: `lock_acquire`).
const OFTEN: Duration = Duration::from_millis(30);
/// The life that a lock without an end gets when somebody has waited for it in vain; `lock_wait` if that is longer.
/// Its holder is a phpredis without `max_execution_time`: dead, most likely, but perhaps only slow.
const FOREIGN_LIFE: Duration = Duration::from_secs(30);

/// What one look at a session found.
pub(super) enum Look {
    /// No such session.
    Missing,
    /// The session.
    Record(Record<'static>),
    /// Somebody has the lock; its text.
    Held(Vec<u8>),
}

impl Look {
    /// What the session is, if it is there.
    pub(super) fn version(&self) -> Option<Version> {
        match self {
            Look::Record(record) => Some(record.version),
            Look::Missing | Look::Held(_) => None,
        }
    }
}

impl Store for Redis {
    fn begin(&self, id: SessionId<'_>, access: Access, _known: Option<Version>) -> Result<Begun> {
        // What the caller knows saves nothing. A version beside the session cannot be believed, because phpredis writes
        // the session and not the version, so the server would have to hash what is there at every read. For 64 KiB by
        // a unix socket a script that answers with `redis.sha1hex` of them takes 300 µs, and one that sends them 215 µs;
        // a slow network would turn that round, but the server serves nobody else while it hashes.
        let token = match access {
            Access::Fresh => return Ok(Begun::fresh()),
            Access::ReadOnly => 0,
            Access::Exclusive | Access::ExclusiveIfExists if !self.locking => 0,
            Access::Exclusive | Access::ExclusiveIfExists => self.new_token(),
        };
        let if_exists = access == Access::ExclusiveIfExists;
        let look = self.wait(id, token, if_exists)?;
        let existed = matches!(look, Look::Record(_));
        let token = if if_exists && !existed { 0 } else { token };
        if token != 0 {
            self.leases.add(token, id, look.version());
        }
        let found = match look {
            Look::Record(record) => Found::Record(record),
            Look::Missing | Look::Held(_) => Found::Missing,
        };
        Ok(Begun { found, lease: Lease { token, existed, fresh: false, unbuffered: existed } })
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        self.change(id, change, lease)
    }

    fn create(&self, id: SessionId<'_>, record: &Record<'_>) -> Result<Option<Lease>> {
        if !self.locking {
            return store::create_without_lease(self, id, record);
        }
        let (token, end) = (self.new_token(), End::of(record.expires));
        let call = Call::new(&CREATE, self.keys.all(id).into_iter().take(3).collect())
            .bytes(leases::text(token).into_bytes())
            .number(milliseconds(leases::LIFE))
            .number(end.at)
            .number(end.left)
            .bytes(&*record.payload);
        let answer = self.link.run_beside(call, self.hint(id, &record.visitor, end))?;
        answer.trouble.into_iter().for_each(|trouble| self.note_lost_hint(trouble));
        match answer.value {
            Value::Int(0) => Ok(None),
            Value::Int(1) => {
                self.leases.add(token, id, Some(record.version));
                Ok(Some(Lease { token, existed: true, ..Lease::default() }))
            }
            _ => Err(self.link.strange()),
        }
    }
}

impl Redis {
    /// A new token: eight bytes of this machine and eight of this request.
    fn new_token(&self) -> u128 {
        u128::from(self.machine) << 64 | u128::from(rand::rng().random_range(1..=u64::MAX))
    }

    /// Looks until the lock is free, or for as long as one waits. Never [`Look::Held`].
    fn wait(&self, id: SessionId<'_>, token: u128, if_exists: bool) -> Result<Look> {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        let mut holder: Option<Vec<u8>> = None;
        loop {
            let left = self.lock_wait.saturating_sub(begun.elapsed());
            let pause = match &holder {
                None => Duration::ZERO,
                Some(holder) if leases::is_lease(holder) => SELDOM.min(left),
                Some(_) => OFTEN.min(left),
            };
            let last = pause == left;
            std::thread::sleep(pace.next(Instant::now()));
            let pause = match holder {
                Some(holder) if leases::is_lease(&holder) => Some(Pause { list: self.keys.next(id), limit: pause }),
                // Nobody would wake us, and the server's waits are not exact to less than a tenth of a second.
                _ => {
                    std::thread::sleep(pause);
                    None
                }
            };
            match self.look(id, token, Looking { if_exists, last, pause: pause.as_ref() })? {
                Look::Held(_) if last => return Err(self.held_for_too_long()),
                Look::Held(other) => holder = Some(other),
                found => return Ok(found),
            }
        }
    }

    /// Takes the lease that `token` stands for, if it is free, and reads the session; with the token 0 it only reads.
    pub(super) fn look(&self, id: SessionId<'_>, token: u128, looking: Looking<'_>) -> Result<Look> {
        let call = self.look_call(id, token, &looking);
        let answer = self.link.run(call, looking.pause)?.value;
        self.read_look(id, token, looking.if_exists, answer)
    }

    /// The call by which one looks.
    pub(super) fn look_call(&self, id: SessionId<'_>, token: u128, looking: &Looking<'_>) -> Call<'static> {
        Call::new(&BEGIN, vec![self.keys.session(id), self.keys.lock(id), self.keys.wait(id)])
            .bytes(if token == 0 { Vec::new() } else { leases::text(token).into_bytes() })
            .number(milliseconds(leases::LIFE))
            .flag(looking.if_exists)
            .bytes(match looking.last {
                true => milliseconds(self.lock_wait.max(FOREIGN_LIFE)).to_string().into_bytes(),
                false => Vec::new(),
            })
            // In vain if somebody else has the lock; who waits looks seldom enough.
            .reading()
    }

    /// What it found.
    pub(super) fn read_look(&self, id: SessionId<'_>, token: u128, if_exists: bool, answer: Value) -> Result<Look> {
        let answer = match answer {
            Value::Array(answer) => answer,
            other => return Err(self.link.unexpected(other)),
        };
        let mut answer = answer.into_iter();
        match (answer.next(), answer.next(), answer.next(), answer.next()) {
            (Some(Value::Int(0)), Some(_), None, None) => Ok(Look::Missing),
            (Some(Value::Int(1)), Some(Value::Int(at)), Some(Value::Int(left)), Some(Value::BulkString(payload))) => {
                Ok(Look::Record(Record::new(payload, End::expiry(at, left, clock()))))
            }
            // It ended between the script and the reading.
            (Some(Value::Int(1)), Some(_), Some(_), Some(Value::Nil)) => {
                if if_exists {
                    self.let_go(id, token);
                }
                Ok(Look::Missing)
            }
            // It holds something else than a string, for example.
            (Some(Value::Int(1)), Some(_), Some(_), Some(refusal @ Value::ServerError(_))) => {
                self.let_go(id, token);
                Err(self.link.unexpected(refusal))
            }
            (Some(Value::Int(2)), Some(Value::BulkString(holder)), Some(_), None) => Ok(Look::Held(holder)),
            _ => Err(self.link.strange()),
        }
    }

    fn held_for_too_long(&self) -> Error {
        Error::new(
            ErrorKind::LockTimeout,
            format!(
                "a request on another machine, or one that uses phpredis, has held this session on {} for over {} \
                 seconds (rustdb.lock_wait); it runs too long, or should call session_write_close() sooner",
                self.link.server(),
                self.lock_wait.as_secs_f64()
            ),
        )
    }
}

/// How to look at a session.
#[derive(Default)]
pub(super) struct Looking<'a> {
    /// A missing session is not locked.
    pub if_exists: bool,
    /// It is the last look, so a lock without an end gets one.
    pub last: bool,
    /// A wait before it.
    pub pause: Option<&'a Pause>,
}

/// Keeps looks at one lock below 50 in any second, however often somebody wakes us: eight at once, and then one every
/// 25 ms.
struct Pace {
    /// When the looks there were would have been over at that rate.
    paid: Instant,
}

impl Pace {
    const STEP: Duration = Duration::from_millis(25);
    const AT_ONCE: u32 = 8;

    fn new(now: Instant) -> Pace {
        Pace { paid: now }
    }

    /// How long to wait before the next look.
    fn next(&mut self, now: Instant) -> Duration {
        self.paid = self.paid.max(now) + Pace::STEP;
        (self.paid - now).saturating_sub(Pace::STEP * Pace::AT_ONCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_than_50_looks() {
        let start = Instant::now();
        let mut now = start;
        let mut pace = Pace::new(start);
        let mut looks = Vec::new();
        while now < start + Duration::from_secs(3) {
            now += pace.next(now);
            looks.push(now);
        }
        for (place, first) in looks.iter().enumerate() {
            let within = looks[place..].iter().take_while(|look| **look < *first + Duration::from_secs(1)).count();
            assert!(within <= 50, "{within} looks");
        }
        assert!(looks.len() > 100);
    }
}
