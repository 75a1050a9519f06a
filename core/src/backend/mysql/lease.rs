//! The leases of this process: advisory locks (`GET_LOCK`), each held by a connection that is kept for it alone.
//!
//! A lock of this kind belongs to its connection and to nothing else: it is there exactly as long as the connection
//! is, unless the connection gives it back. So a connection that broke is a lease that was lost, and the server itself
//! gives the session to the next in line. Two things are added to that:
//!
//! - The server hears of a machine that lost its power only when it next wants something of it. So, while it holds a
//!   lock, a connection that stays silent for [`ALIVE`] seconds is ended by the server (`wait_timeout`), and
//!   [`Leases::keep_alive`] says something before. A connection that gave its lock back stays so strict until it has
//!   been idle for a moment: setting it back and forth would take a statement more at each end of every request.
//! - A proxy may hand our statements to another connection of its own. So the lock is noted in a variable of the
//!   server's connection, and a commit writes only where that variable says so ([`Hold::guard`]).
//!
//! Names of such locks are shared by all databases of a server and end at 64 characters, so they are hashes of
//! database, table and id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::RngExt;
use twox_hash::XxHash3_128;

use super::connection::Connection;
use super::failure::{Cause, Failure};
use super::locks::OURS;
use super::target::Target;
use crate::record::SessionId;

/// After how many seconds of silence the server ends a connection that holds a lock.
pub(super) const ALIVE: u64 = 8;
/// After how much silence a connection says that it is there: often enough for a few to be lost.
pub(super) const SILENCE: Duration = Duration::from_secs(2);

/// The name of the lock of a session.
pub(super) fn name(target: &Target, id: SessionId<'_>) -> String {
    named(target, "s", id.as_bytes())
}

/// The name of the lock of whoever collects garbage.
pub(super) fn sweep_name(target: &Target) -> String {
    named(target, "g", b"")
}

/// The name of the lock of whoever widens a column.
pub(super) fn widen_name(target: &Target) -> String {
    named(target, "w", b"")
}

fn named(target: &Target, what: &str, id: &[u8]) -> String {
    // No name of a database or table has a NUL in it, so different ones never make the same text.
    let whole = [target.server.database.as_bytes(), b"\0", target.table.as_bytes(), b"\0", id].concat();
    format!("rustdb:{what}:{:032x}", XxHash3_128::oneshot(&whole))
}

/// Takes the lock, waiting for up to `slice`, and notes it; [`TAKEN`] tells whether it is ours. `strict`: the server
/// watches this connection already.
pub(super) fn acquire(name: &str, slice: Duration, strict: bool) -> String {
    let watch = if strict { String::new() } else { format!(",SESSION wait_timeout={ALIVE}") };
    format!("SET @rustdb=CONCAT(GET_LOCK('{name}',{}),'{name}'){watch}", slice.as_secs_f64())
}

/// The same before `select`, which then sees all that others had committed when they let go of the lock. Also the number
/// of the statement that answers for both.
///
/// MariaDB sets variables `FOR` a statement before it looks at any table, so there it is done in one statement, which
/// costs half as much as two. (MariaDB, "SET STATEMENT": the variables are set, the statement is run, and they are set
/// back. The variable named here is what `WEEK()` goes by.)
pub(super) fn acquire_before(
    select: &str,
    name: &str,
    slice: Duration,
    strict: bool,
    mariadb: bool,
) -> (String, usize) {
    if !mariadb {
        return (format!("{};{select}", acquire(name, slice, strict)), 1);
    }
    let watch = if strict { String::new() } else { format!("SET SESSION wait_timeout={ALIVE};") };
    let seconds = slice.as_secs_f64();
    let sql = format!(
        "{watch}SET STATEMENT default_week_format=ISNULL(@rustdb:=CONCAT(GET_LOCK('{name}',{seconds}),'{name}')) FOR \
         {select}"
    );
    (sql, usize::from(!strict))
}

/// Put before a field, keeps it for [`release_if_missing`].
pub(super) const NOTE: &str = "@rustdb_expires:=";

/// Gives the lock back if what was kept is NULL.
pub(super) fn release_if_missing(name: &str) -> String {
    format!("DO IF(@rustdb_expires IS NULL,RELEASE_LOCK('{name}'),0)")
}

/// What [`acquire`] came to, as a field: 1 if the lock is ours, 0 if somebody else has it, NULL after an error.
pub(super) const TAKEN: &str = "LEFT(@rustdb,1)";

/// A lease, to statements that write under it.
pub(super) struct Hold {
    /// The condition that they write under. It goes by a variable, because a statement that calls a lock function
    /// itself does nothing on a replica that repeats statements (`binlog_format=STATEMENT`).
    pub(super) guard: String,
    /// What they leave in the row, so that it can be told later whether they ran: two requests may well write the same
    /// payload in the same second.
    pub(super) mark: u64,
}

impl Hold {
    /// The lease `token`, for the lock `name`.
    pub(super) fn of(name: &str, token: u128) -> Hold {
        Hold { guard: format!(" AND @rustdb='1{name}'"), mark: token as u64 }
    }

    /// The lease `token` where the lock is a row, of which a variable says whether it is ours.
    pub(super) fn of_row(token: u128) -> Hold {
        Hold { guard: format!(" AND {OURS}=1"), mark: token as u64 }
    }
}

/// Lets the connection be silent for as long as any.
pub(super) const RELAX: &str = "SET SESSION wait_timeout=DEFAULT";

/// Gives the lock back, and says nothing of it.
pub(super) fn let_go(name: &str) -> String {
    format!("DO RELEASE_LOCK('{name}')")
}

/// Gives the lock back, and notes for [`WAS_OURS`] whether it was ours. As text: the number 1 would be equal to every
/// [`Hold::guard`], of whose text a comparison with a number takes no more than the 1 that it begins with.
pub(super) fn let_go_and_note(name: &str) -> String {
    format!("SET @rustdb=CONCAT(RELEASE_LOCK('{name}'))")
}

/// Answers 1 if the lock that was given back last was ours.
pub(super) const WAS_OURS: &str = "SELECT @rustdb l";

/// Gives the lock back; answers 1 if it was ours.
pub(super) fn release(name: &str) -> String {
    format!("SELECT RELEASE_LOCK('{name}') l")
}

/// The leases that are held.
#[derive(Default)]
pub(super) struct Leases {
    held: Mutex<HashMap<u128, Arc<Mutex<Option<Connection>>>>>,
}

impl Leases {
    /// Keeps a connection that holds a lock. Returns the token by which it is taken out.
    pub(super) fn keep(&self, connection: Connection) -> u128 {
        let token = rand::rng().random_range(1..=u128::MAX);
        self.keep_as(token, connection);
        token
    }

    /// Keeps it under a token that it had before.
    pub(super) fn keep_as(&self, token: u128, connection: Connection) {
        self.held.lock().insert(token, Arc::new(Mutex::new(Some(connection))));
    }

    /// Takes the connection out; `None`: it was lost.
    pub(super) fn take(&self, token: u128) -> Option<Connection> {
        let held = self.held.lock().remove(&token)?;
        // Waits at most for the answer to a sign of life.
        held.lock().take()
    }

    /// Says something on every connection that has been silent for a while. `lost` hears of those that broke, and on which server. Returns
    /// whether any are left.
    pub(super) fn keep_alive(&self, lost: &mut dyn FnMut(usize, Failure)) -> bool {
        let held: Vec<_> = self.held.lock().iter().map(|(token, held)| (*token, Arc::clone(held))).collect();
        for (token, held) in held {
            // Whoever has it locked is talking to the server himself.
            let Some(mut place) = held.try_lock() else { continue };
            let silent = |connection: &&mut Connection| connection.used.elapsed() >= SILENCE;
            let Some(connection) = place.as_mut().filter(silent) else { continue };
            let host = connection.host;
            let Err(failure) = connection.run("DO 1") else { continue };
            *place = None;
            drop(place);
            self.held.lock().remove(&token);
            let cause = failure.cause;
            lost(host, failure);
            if cause == Cause::Silent {
                // The others would wait as long, one after the other.
                break;
            }
        }
        !self.held.lock().is_empty()
    }
}
