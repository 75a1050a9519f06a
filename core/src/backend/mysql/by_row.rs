//! Both halves of a request whose lock is a row ([`super::locks`]), each in one round trip.
//!
//! ```text
//! begin    INSERT the lock, unless somebody has it; SELECT the session, if the lock is ours
//! commit   START TRANSACTION; DELETE the lock, if it is ours; the change, if it was; COMMIT
//! ```
//! Who commits takes the lock away first, and that happens once, however often it is asked for: so a commit that got no
//! answer is sent again, by another connection, to another server if need be, and if the lock is gone by then, the mark
//! that it left in the session tells whether it was this request's doing.

use std::time::{Duration, Instant};

use rand::RngExt;

use super::Mysql;
use super::begin::found;
use super::commit::{is_done, outcome, statement};
use super::connection::Connection;
use super::failure::{Cause, Failure};
use super::lease::Hold;
use super::locks::{self, Locks, NAP};
use super::table::Table;
use crate::error::Result;
use crate::record::{SessionId, Version, now};
use crate::store::{Begun, Change, Committed, Found, Lease};

/// How long to sleep before trying again what somebody else was in the way of.
const ANOTHER_TRY: Duration = Duration::from_millis(20);

/// What one look at a session came to.
enum Look {
    /// Somebody has the lock, or had it a moment ago.
    Held,
    /// There is no session, and no lock was taken.
    Missing,
    /// The lock is ours, and this is the session.
    Ours(Result<Found>),
}

impl Mysql {
    /// The table of locks.
    pub(super) fn locks(&self) -> Locks {
        Locks::of(&self.target)
    }

    /// A new token: eight bytes of this machine and eight of this request.
    pub(super) fn new_token(&self) -> u128 {
        u128::from(self.machine) << 64 | u128::from(rand::rng().random_range(1..=u64::MAX))
    }

    /// Takes the lock and reads. `if_exists`: a session that is not there is not locked.
    pub(super) fn begin_by_row(&self, id: SessionId<'_>, known: Option<Version>, if_exists: bool) -> Result<Begun> {
        let (token, begun) = (self.new_token(), Instant::now());
        let mut asked = begun;
        let (look, connection) = self.with(&mut |connection, table| {
            let mut wait = Duration::ZERO;
            loop {
                let left = self.lock_wait.saturating_sub(begun.elapsed());
                asked = Instant::now();
                let naps = connection.naps(left.min(wait));
                let look = match self.look(connection, table, (id, token), known, (if_exists, naps)) {
                    // Somebody else took it first.
                    Err(Failure { cause: Cause::Busy, .. }) => {
                        std::thread::sleep(ANOTHER_TRY.min(left));
                        Look::Held
                    }
                    look => look?,
                };
                match look {
                    Look::Held if !left.is_zero() => wait = locks::LONGEST_NAPS,
                    look => return Ok(look),
                }
            }
        })?;
        self.hosts.put(connection);
        let found = match look {
            Look::Held => return Err(self.lock_timeout()),
            Look::Missing => return Ok(Begun { found: Found::Missing, lease: Lease::default() }),
            Look::Ours(found) => found,
        };
        // An unreadable session is nobody's to hold; one that something else deleted just now is not there to be held.
        let found = found.inspect_err(|_| self.let_go(id, token))?;
        if if_exists && found == Found::Missing {
            self.let_go(id, token);
            return Ok(Begun { found, lease: Lease::default() });
        }
        self.held.add(token, id, asked);
        let existed = found != Found::Missing;
        Ok(Begun { found, lease: Lease { token, existed, unbuffered: existed, ..Lease::default() } })
    }

    /// One round trip: waits for up to `naps` looks, and takes the lock.
    fn look(
        &self,
        connection: &mut Connection,
        table: &Table,
        (id, token): (SessionId<'_>, u128),
        known: Option<Version>,
        (if_exists, naps): (bool, u128),
    ) -> Result<Look, Failure> {
        let (locks, key, now) = (self.locks(), locks::key(id), now());
        let (look, when) = match if_exists {
            true => (locks::look(&table.exists(id, now), connection.galera), locks::there()),
            false => (String::new(), "1"),
        };
        let read = table.read_beside((&locks::state(if_exists), ""), id, known, now);
        let mut answers = connection.run(&format!(
            "{}{look}{};{};{read} AND {}=1",
            locks.wait(&key, naps, connection.room),
            locks.take(&key, token, when),
            locks.note(&key, token),
            locks::OURS
        ))?;
        let row = answers.pop().and_then(|mut answer| answer.rows.pop()).unwrap_or_default();
        Ok(match row.first().and_then(Option::as_deref) {
            Some(b"1") => Look::Ours(found(table, if row[1].is_none() { &[] } else { &row[1..3] }, known)),
            Some(b"2") => Look::Missing,
            _ => Look::Held,
        })
    }

    /// Gives a lock back outside of a commit. If that fails it ends by itself.
    pub(super) fn let_go(&self, id: SessionId<'_>, token: u128) {
        let free = self.locks().free(&locks::key(id), token);
        if let Ok((_, connection)) = self.with(&mut |connection, _| connection.run(&free)) {
            self.hosts.put(connection);
        }
    }

    /// Changes the session, if the lock is ours still, and lets go of it.
    pub(super) fn commit_by_row(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        let committed = self.carry_out(id, change, lease);
        // After an error too: nobody goes on with this lease.
        if !matches!(committed, Ok(Committed::Gone)) {
            self.held.remove(lease.token);
        }
        committed
    }

    fn carry_out(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        let (begun, another) = (Instant::now(), self.hosts.are_several());
        let (mut tries, mut again) = (1, false);
        loop {
            let (mut connection, _) = self.any_connection().map_err(|failure| failure.error)?;
            let failure = loop {
                match self.transaction(&mut connection, id, change, lease, again) {
                    Ok(committed) => {
                        self.hosts.put(connection);
                        return Ok(committed);
                    }
                    // Undone, or left open by a statement that waited too long, which is undone now.
                    Err(Failure { cause: Cause::Busy, .. }) if begun.elapsed() < self.target.server.timeout => {
                        std::thread::sleep(ANOTHER_TRY);
                        again = true;
                        if let Err(failure) = connection.run("ROLLBACK") {
                            break failure;
                        }
                    }
                    Err(failure) => break failure,
                }
            };
            self.learn(connection.host, &failure);
            match failure.cause {
                Cause::Closed if tries < self.tries() => {}
                Cause::Silent | Cause::Unfit if another && tries < self.tries() => {}
                Cause::Closed | Cause::Silent | Cause::Unfit => return Err(failure.error),
                _ => {
                    let free = self.locks().free(&locks::key(id), lease.token);
                    if connection.run(&format!("ROLLBACK;{free}")).is_ok() {
                        self.hosts.put(connection);
                    }
                    return Err(failure.error);
                }
            }
            (tries, again) = (tries + 1, true);
        }
    }

    /// One try. `again`: an earlier one may have been carried out: its answer was lost, or it was of a node that failed
    /// while its cluster committed.
    fn transaction(
        &self,
        connection: &mut Connection,
        id: SessionId<'_>,
        change: Change<'_>,
        lease: Lease,
        again: bool,
    ) -> Result<Committed, Failure> {
        let (table, locks, key) = (self.table(connection)?, self.locks(), locks::key(id));
        let table = self.widened(connection, &table, change)?.unwrap_or(table);
        let free = locks.free(&key, lease.token);
        let hold = Hold::of_row(lease.token);
        let Some(statement) = statement(&table, id, change, lease.existed, Some(&hold)) else {
            let ours = connection.run(&free)?[0].affected > 0;
            return Ok(if ours || again { Committed::Done } else { Committed::LeaseLost });
        };
        // Only a touch may find that it has to be followed by another commit, which needs the lock still.
        let keeps = matches!(change, Change::Touch(..)) && !lease.existed;
        let (claim, end) = match keeps {
            true => (locks.renew(&key, lease.token), format!(";{};{free} AND {}>0", NOTE, locks::OURS)),
            false => (free, String::new()),
        };
        let look = if again { format!(";{}", table.whole(id)) } else { String::new() };
        let sql = format!("START TRANSACTION;{claim};{NOTE};{statement}{end};COMMIT{look}");
        self.check_size((id, change), &sql, &table, connection)?;
        let answers = connection.run(&sql)?;
        if answers[1].affected > 0 {
            return Ok(outcome(change, lease.existed, answers[3].affected));
        }
        let done = again && answers.last().is_some_and(|there| is_done(&table, there, change, hold.mark));
        Ok(if done { Committed::Done } else { Committed::LeaseLost })
    }

    /// Puts off the ends of the locks that are held. Returns whether any are left.
    pub(super) fn renew(&self) -> bool {
        let (due, asked) = (self.held.due(), Instant::now());
        if !due.is_empty() {
            let ids = due.iter().filter_map(|(token, id)| Some((*token, SessionId::parse(id).ok()?)));
            let renew: Vec<String> = ids.map(|(token, id)| self.locks().renew(&locks::key(id), token)).collect();
            match self.with(&mut |connection, _| connection.run(&renew.join(";"))) {
                Ok((answers, connection)) => {
                    self.hosts.put(connection);
                    for ((token, _), answer) in due.iter().zip(answers) {
                        self.held.settle(*token, answer.affected > 0, asked);
                    }
                }
                Err(error) => self.notices.note(error),
            }
        }
        self.held.any()
    }
}

/// Notes whether the statement before found its row.
const NOTE: &str = "SET @rustdb=ROW_COUNT()";

impl Connection {
    /// How many looks at a lock one packet may wait for, when `left` is left in all.
    fn naps(&self, left: Duration) -> u128 {
        left.min(self.patience()).as_micros().div_ceil(NAP.as_micros())
    }
}
