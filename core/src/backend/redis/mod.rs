//! Redis and Valkey: sessions and locks as phpredis keeps them (keys.rs), in two round trips a request.
//!
//! # A lease
//! `begin` is one script (script.rs): it sets the lock key, which lives for a few seconds, and reads. `commit` is
//! another: it looks whether the lock is still ours, writes, removes the lock and wakes one who waits. In between
//! `maintain` prolongs the leases (leases.rs). Whoever finds the lock taken leaves a mark and sleeps on a list, from
//! which whoever lets go wakes it; it also looks again by itself, because phpredis wakes nobody, and a machine that
//! died neither.
//!
//! # Whose clock
//! The server's decides when a session has expired. A session's end is an absolute second. Where the clocks of this
//! machine and the server agree to within 5 s, the server keeps it to the second. Where they do not, only the time
//! that is left counts, on both ways, so that a machine with a wrong clock ends no session early and sees it end when
//! it does. A session without an end (some other program wrote it) counts as one with a very late end, and gets its own
//! when it is first written or touched.
//!
//! # What is gone
//! An eviction, a flush or a restart without data look like a destroyed session. So a destroyed one leaves a tombstone
//! for five minutes, and a session that is missing at commit is written again unless there is one. Lock keys can be
//! evicted too: when nobody has the lock at commit, and the session still is what it was at `begin`, the lease is taken
//! again and the change carried out.
//!
//! # Which server
//! The one of the URL, or the master that Sentinels name whenever a connection is made (sentinel.rs), or the node of a
//! cluster that has the slot of the session (cluster.rs). A failover may lose what was acknowledged last; a session is
//! then what it was before, and a lease that was lost with it is treated as one that was evicted.
//!
//! # Trouble
//! A connection found closed before anything is sent costs nothing but a new one. If it breaks while an answer is
//! awaited, the same is sent once more: `begin` finds its own token in the lock, `commit` finds its lease gone and then
//! looks whether the session is just as it wanted to leave it. A server that does not answer in time is left alone for
//! a moment (pool.rs).

mod answers;
mod begin;
mod beside;
mod by_user;
mod cluster;
mod commit;
mod dial;
mod exchange;
mod fault;
mod keys;
mod leases;
mod link;
mod node;
mod packed;
mod script;
mod sentinel;
mod slots;
mod socket;
mod tls;
mod wire;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::RngExt;
use redis::Value;

use self::keys::Keys;
use self::leases::Leases;
use self::link::Link;
use self::script::{APPLY, Call, OWNER, RENEW};
use crate::entry::{self, Entry};
use crate::error::{Error, ErrorKind, Result};
use crate::notices::Notices;
use crate::record::{Expiry, MAX_LIFETIME, SessionId};
use crate::server::{Server, Topology};
use crate::store::{Backend, Batch, Sweep, Swept};

/// How long a tombstone stays: longer than a request that began before the destroy is likely to run. Web servers give
/// one up after a minute or so (nginx: `fastcgi_read_timeout`), and with locking none is left but those whose lease was
/// lost.
const TOMBSTONE: Duration = Duration::from_secs(300);
/// How long the server may take to prolong leases.
const RENEWAL: Duration = Duration::from_secs(2);

/// Sessions on a Redis or Valkey server.
pub struct Redis {
    link: Link,
    keys: Keys,
    locking: bool,
    lock_wait: Duration,
    machine: u64,
    leases: Leases,
    notices: Notices,
}

impl Redis {
    /// The store on `server`; it connects when it is first used. `locking`: whether requests of one session exclude each
    /// other; `lock_wait`: for how long one waits for another machine's. Options of the URL:
    ///
    /// - `prefix=TEXT`: what all keys begin with; `PHPREDIS_SESSION:` if it is not given, in a cluster
    ///   `PHPREDIS_CLUSTER_SESSION:`.
    /// - `sentinel_user=TEXT` and `sentinel_password=TEXT`: for Sentinels that ask for a password of their own.
    /// - `ca=FILE`: with TLS, certificates (PEM) of which one must have signed the server's; without it, those the
    ///   system trusts.
    /// - `cert=FILE` and `key=FILE`: our own certificate and its key (PEM), for a server that asks for one.
    /// - `verify=0`: any certificate is taken. The connection is encrypted then, but whoever is able to sit between this
    ///   machine and the server can read and change everything, the password and all sessions included: for tests only.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an option that is not allowed, or that of reading a file that one names.
    pub fn open(server: &Server, locking: bool, lock_wait: Duration) -> Result<Redis> {
        let mut options = vec!["prefix"];
        options.extend(tls::OPTIONS);
        if matches!(server.topology, Topology::Sentinel { .. }) {
            options.extend(["sentinel_user", "sentinel_password"]);
        }
        server.refuse_other_options(&options)?;
        let in_cluster = server.topology == Topology::Cluster;
        let default = if in_cluster { keys::DEFAULT_CLUSTER_PREFIX } else { keys::DEFAULT_PREFIX };
        let prefix = server.option("prefix").unwrap_or(default);
        Ok(Redis {
            link: Link::new(server, tls::config(server)?, prefix)?,
            keys: if in_cluster { Keys::in_cluster(prefix)? } else { Keys::new(prefix) },
            locking,
            lock_wait,
            machine: rand::rng().random(),
            leases: Leases::default(),
            notices: Notices::default(),
        })
    }
}

impl Redis {
    /// The same, as one of several that share host locks. What has the number of the machine in its lease is known to be
    /// dead, because the host lock of its session is ours: its lease is taken over at once.
    pub fn on_machine(self, machine: u64) -> Redis {
        Redis { machine, ..self }
    }
}

impl Batch for Redis {
    /// In a cluster each session is a step of its own: when this fails, some may have been applied. They are applied
    /// again with the others then, which does no harm.
    fn apply(&self, changes: &mut dyn Iterator<Item = (SessionId<'_>, &[u8])>) -> Result<()> {
        let (mut calls, mut hints): (Vec<Call<'_>>, Vec<Call<'_>>) = (Vec::new(), Vec::new());
        for (id, entry) in changes {
            let change = match entry::decode(id, entry) {
                Some(Entry::Session(record)) => {
                    let end = End::of(record.expires);
                    match hints.last_mut().filter(|_| !self.link.is_spread()) {
                        Some(hint) => drop(self.add_hint(hint, id, &record.visitor, end)),
                        None => hints.extend(self.hint(id, &record.visitor, end)),
                    }
                    [end.at.to_string().into_bytes().into(), end.left.to_string().into_bytes().into(), record.payload]
                }
                Some(Entry::Tombstone) => [b"".as_slice().into(), b"".as_slice().into(), b"".as_slice().into()],
                None => {
                    self.notices.note(Error::new(
                        ErrorKind::Damaged,
                        "a session in the session buffer is damaged and was not brought to the store; look for bad memory",
                    ));
                    continue;
                }
            };
            if calls.is_empty() || self.link.is_spread() {
                calls.push(Call::new(&APPLY, Vec::new()));
            }
            if let Some(call) = calls.last_mut() {
                change.into_iter().for_each(|argument| call.push(argument));
                call.key(self.keys.session(id));
            }
        }
        let count = calls.len();
        match calls.pop() {
            None => Ok(()),
            // Repeats what is safe to repeat, and leaves a server alone that does not answer.
            Some(call) if count == 1 => {
                let answer = self.link.run_beside(call, hints.pop())?;
                answer.trouble.into_iter().for_each(|trouble| self.note_lost_hint(trouble));
                Ok(())
            }
            Some(call) => {
                calls.push(call);
                calls.append(&mut hints);
                let answers = self.link.run_all(calls, self.link.server().timeout);
                let mut answers = answers.into_iter().map(|answer| match answer? {
                    Value::Int(_) => Ok(()),
                    other => Err(self.link.unexpected(other)),
                });
                answers.by_ref().take(count).collect::<Result<()>>()?;
                answers.filter_map(Result::err).for_each(|trouble| self.note_lost_hint(trouble));
                Ok(())
            }
        }
    }
}

impl Sweep for Redis {
    /// The server removes what has expired by itself.
    fn sweep(&self, _: i64, _: usize, _: usize, _: &mut dyn FnMut(SessionId<'_>) -> bool) -> Result<Swept> {
        Ok(Swept::default())
    }
}

impl Backend for Redis {
    fn has_leases(&self) -> bool {
        self.locking
    }

    /// Prolongs the leases, over a connection that no request uses at this moment.
    fn maintain(&self) -> bool {
        let due = self.leases.due();
        if !due.is_empty() {
            let renewal = |(token, id): &(u128, Box<[u8]>)| {
                Call::new(&RENEW, vec![self.keys.lock_of(id)])
                    .bytes(leases::text(*token).into_bytes())
                    .number(milliseconds(leases::LIFE))
            };
            let limit = self.link.server().timeout.min(RENEWAL);
            let answers = self.link.run_all(due.iter().map(renewal).collect(), limit);
            for ((token, _), answer) in due.iter().zip(answers) {
                match answer {
                    Ok(Value::Int(renewed)) => self.leases.settle(*token, renewed == 1),
                    // Not known to be lost: it is tried again.
                    Ok(other) => self.notices.note(self.link.unexpected(other)),
                    Err(error) => self.notices.note(error),
                }
            }
        }
        self.leases.any()
    }

    fn notices(&self) -> &Notices {
        &self.notices
    }

    fn bytes(&self) -> Option<u64> {
        None
    }

    fn owner(&self, claim: Option<&str>) -> Result<Option<String>> {
        let call = Call::new(&OWNER, vec![self.keys.owner()]).bytes(claim.unwrap_or("").as_bytes());
        match self.link.run(call, None)?.value {
            Value::Nil => Ok(None),
            Value::BulkString(record) => Ok(Some(String::from_utf8_lossy(&record).into_owned())),
            other => Err(self.link.unexpected(other)),
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970 by this machine's clock.
fn clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, milliseconds)
}

/// The end of a session in the server's terms: the millisecond after which it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    /// Since 1970, by this machine's clock.
    at: i64,
    /// From now; at least 1, because the server takes no less. What is over already is gone in no time.
    left: i64,
}

impl End {
    fn of(expires: Expiry) -> End {
        let clock = clock();
        let latest = clock / 1000 + MAX_LIFETIME as i64;
        let at = (expires.0.clamp(0, latest) + 1) * 1000;
        End { at, left: (at - clock).max(1) }
    }

    /// The expiry meant by what the server says: the end by its own clock, if it can tell, and what is left until then.
    fn expiry(at: i64, left: i64, clock: i64) -> Expiry {
        /// How far clocks may be apart and still count as equal; the scripts have the same number.
        const APART: i64 = 5000;
        let now = clock / 1000;
        if left < 0 {
            return Expiry::after(now, MAX_LIFETIME);
        }
        let by_what_is_left = clock + left;
        let end = if (at - by_what_is_left).abs() <= APART { at } else { by_what_is_left };
        // The server has it, so it is not over.
        Expiry(((end - 1) / 1000).max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: i64 = 1_800_000_000_300;

    #[test]
    fn an_end_by_an_agreeing_clock_is_exact_to_the_second() {
        let end = (1_800_000_100 + 1) * 1000;
        for late in [-4000, 0, 4000] {
            assert_eq!(End::expiry(end, end - CLOCK + late, CLOCK), Expiry(1_800_000_100));
        }
        // The end that phpredis gives is in the middle of a second.
        assert_eq!(End::expiry(CLOCK + 60_000, 60_000, CLOCK), Expiry(1_800_000_060));
    }

    #[test]
    fn where_clocks_disagree_what_is_left_counts() {
        for wrong in [-3_600_000, 3_600_000] {
            assert_eq!(End::expiry(CLOCK + 60_000 + wrong, 60_000, CLOCK), Expiry(1_800_000_060));
        }
        assert_eq!(End::expiry(-2, 60_000, CLOCK), Expiry(1_800_000_060), "a server that cannot tell its own end");
    }

    #[test]
    fn a_session_without_an_end_has_a_late_one() {
        assert_eq!(End::expiry(-1, -1, CLOCK), Expiry::after(1_800_000_000, MAX_LIFETIME));
    }

    #[test]
    fn what_the_server_still_has_is_not_over() {
        assert_eq!(End::expiry(CLOCK - 2500, 10, CLOCK), Expiry(1_800_000_000));
    }

    #[test]
    fn no_expiry_is_too_far_off_for_the_server() {
        for expires in [i64::MIN, -5, 0, i64::MAX] {
            let end = End::of(Expiry(expires));
            assert!(end.at > 0 && end.left > 0 && end.at < 1 << 53, "{end:?}");
        }
    }
}
