//! The table of locks (`?lock=lease`): a row for each session that a request has, made by `begin`, deleted by `commit`.
//!
//! A lock of this kind belongs to whoever knows its token, and not to a connection. So it holds where advisory locks do
//! not: across the nodes of a cluster, behind proxies, and for a request whose connection breaks and that goes on with
//! another one, on another server even. It ends at a time of its own ([`LIFE`]), which its holder puts off while he
//! works, so that a machine that dies frees its sessions.
//!
//! **Galera.** Rows locked on one node are not locked on others; of two transactions that change one row on two nodes
//! the cluster lets the one pass that it puts in order first, and the other fails with error 1213 when it commits
//! ("certification"). That is enough: whoever takes, puts off or lets go of a lock changes its row, so of two who try at
//! once one fails, and a transaction also fails that was made on a node which had not yet seen the newest change of the
//! row. A node commits in the cluster's order, so whoever has taken a lock on a node has there all that was committed
//! before. (MariaDB, "About Galera Replication"; Codership, "Certification-Based Replication".)
//!
//! **Clocks.** Times are the servers' own (`UTC_TIMESTAMP`). Between nodes they may differ by a few seconds: if by more
//! than [`LIFE`] less the pace of putting off, somebody takes a lock whose holder is alive, and the holder is told so
//! when he commits, as nothing is written without the token. What is never lost by wrong clocks is a write.

use std::time::Duration;

use super::connection::Connection;
use super::failure::Failure;
use super::table::{exists, not_made};
use super::target::Target;
use crate::error::ErrorKind;
use crate::record::SessionId;

/// The table of locks, for those who do not let PHP's database user make tables: run it as it is, or with the name of
/// the table of sessions and `_locks` instead.
///
/// - `id`: the session id. Garbage collection has the row `_sweep`, and who widens a column `_widen`.
/// - `token`: whose the lock is: eight bytes of the machine and eight of the request, all random.
/// - `expires`: until when, in UTC by the clock of the server that wrote it.
pub const LOCKS_DDL: &str = "CREATE TABLE IF NOT EXISTS `sessions_locks` (
  `id` varbinary(256) NOT NULL,
  `token` binary(16) NOT NULL,
  `expires` datetime(6) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB";

/// How long a lock lives without being put off. A dead machine frees its sessions within 10 s, a second of difference
/// between clocks included; and a cluster that lost a node, which answers nobody for 5 s by default
/// (`evs.suspect_timeout`), still finds the locks of those alive in place.
pub(super) const LIFE: u64 = 9;
/// How old a lock is when it is put off for the first time, and how often it is then.
pub(super) const YOUNG: Duration = Duration::from_secs(1);
/// A waiter looks this often, on the server, in one statement after the other of the same packet: a lock is handed over
/// within half of this, in the middle.
pub(super) const NAP: Duration = Duration::from_millis(5);
/// The longest wait in one packet, after which the waiter tries to take the lock whether it looked free or not.
pub(super) const LONGEST_NAPS: Duration = Duration::from_millis(500);
/// How long a lock is over before its row is collected as garbage, in seconds.
const LEFT_BEHIND: u64 = 60;
/// What is appended to the name of the table of sessions.
const SUFFIX: &str = "_locks";
/// The row of whoever collects garbage.
pub(super) const SWEEP: &str = "_sweep";

/// The row of whoever widens a column.
pub(super) const WIDEN: &str = "_widen";

/// The variable that tells statements of one packet whether the lock is ours.
pub(super) const OURS: &str = "@rustdb";
/// The variable that tells whether there is a session to lock.
const THERE: &str = "@rustdb_there";

/// The table of locks beside a table of sessions.
#[derive(Debug)]
pub(super) struct Locks {
    /// In backquotes.
    name: String,
}

impl Locks {
    /// The one that belongs to the table of sessions of `target`.
    pub(super) fn of(target: &Target) -> Locks {
        Locks { name: format!("`{}{SUFFIX}`", target.table) }
    }

    /// Makes the table if it is not there.
    pub(super) fn make(&self, connection: &mut Connection, target: &Target) -> Result<(), Failure> {
        let plain = format!("{}{SUFFIX}", target.table);
        if plain.len() > 64 {
            let message = format!(
                "the table {} of {} has too long a name for one of locks beside it, {plain}; names end at 64 \
                 characters; name another by table= in rustdb.store",
                target.table, target.server
            );
            return Err(Failure::other(ErrorKind::Refused, message));
        }
        if exists(connection, &plain)? {
            return Ok(());
        }
        let ddl = LOCKS_DDL.replacen("`sessions_locks`", &self.name, 1);
        connection.run(&ddl).map(drop).map_err(|failure| not_made(target, &plain, &ddl, failure))
    }

    /// Takes the lock of `key`, if it is free and `when` holds. A lock of the same machine is free: who is here has the
    /// machine's own lock of the session, so the one that took it has died, or is this very one, and the answer got lost.
    pub(super) fn take(&self, key: &str, token: u128, when: &str) -> String {
        let (name, token, until) = (&self.name, hex(token), until());
        format!(
            "INSERT INTO {name} (id,token,expires) SELECT '{key}',{token},{until} FROM DUAL WHERE {when} ON DUPLICATE KEY \
             UPDATE token=IF(expires<UTC_TIMESTAMP(6) OR LEFT(token,8)=LEFT(VALUES(token),8),VALUES(token),token),\
             expires=IF(token=VALUES(token),VALUES(expires),expires)"
        )
    }

    /// Sets [`OURS`]: 1, or 0 where somebody else has the lock, or NULL where nobody has.
    pub(super) fn note(&self, key: &str, token: u128) -> String {
        let (name, token) = (&self.name, hex(token));
        format!(
            "SET {OURS}=(SELECT IF(token={token},1,IF(expires<UTC_TIMESTAMP(6),NULL,0)) FROM {name} WHERE id='{key}')"
        )
    }

    /// Asks whether the lock is ours: 1 or 0.
    pub(super) fn is_ours(&self, key: &str, token: u128) -> String {
        format!("SELECT EXISTS(SELECT 1 FROM {} WHERE id='{key}' AND token={})", self.name, hex(token))
    }

    /// Waits while somebody has the lock, for up to `naps` times [`NAP`], or less where a packet has `room` for less.
    pub(super) fn wait(&self, key: &str, naps: u128, room: usize) -> String {
        let (name, nap) = (&self.name, NAP.as_secs_f64());
        let held = format!("EXISTS(SELECT 1 FROM {name} WHERE id='{key}' AND expires>=UTC_TIMESTAMP(6))");
        let once = format!("DO SLEEP(IF({held},{nap},0));");
        once.repeat((naps as usize).min(room / 2 / once.len()))
    }

    /// Puts off the end of a lock that is ours; one row if it is.
    pub(super) fn renew(&self, key: &str, token: u128) -> String {
        let (name, token, until) = (&self.name, hex(token), until());
        format!("UPDATE {name} SET expires={until} WHERE id='{key}' AND token={token}")
    }

    /// Lets go of a lock that is ours; one row if it was.
    pub(super) fn free(&self, key: &str, token: u128) -> String {
        let (name, token) = (&self.name, hex(token));
        format!("DELETE FROM {name} WHERE id='{key}' AND token={token}")
    }

    /// The ids of `ids` that somebody has, one row each.
    pub(super) fn held(&self, ids: &[SessionId<'_>]) -> String {
        format!("SELECT id FROM {} WHERE id IN ({}) AND expires>=UTC_TIMESTAMP(6)", self.name, list(ids))
    }

    /// The ids of locks that dead machines left behind.
    pub(super) fn left_behind(&self, limit: usize) -> String {
        format!("SELECT id FROM {} WHERE {} LIMIT {limit}", self.name, long_over())
    }

    /// Deletes those of them that are over still.
    pub(super) fn delete(&self, ids: &[SessionId<'_>]) -> String {
        format!("DELETE FROM {} WHERE id IN ({}) AND {}", self.name, list(ids), long_over())
    }
}

/// Notes whether there is a session, which `exists` asks for, as [`there`] then tells. `current`: the server has to ask
/// its cluster for what it has not seen yet.
pub(super) fn look(exists: &str, current: bool) -> String {
    let select = format!("SELECT {exists} INTO {THERE};");
    if current { format!("{SYNC};{select}{NO_SYNC};") } else { select }
}

/// The condition that [`look`] found a session.
pub(super) fn there() -> &'static str {
    THERE
}

/// How a lock is told as a field: [`OURS`], or 2 where [`look`] found nothing to lock and nobody has it.
pub(super) fn state(if_exists: bool) -> String {
    if if_exists { format!("IF({THERE},{OURS},IFNULL({OURS},2))") } else { OURS.to_owned() }
}

/// Has a Galera node wait before it reads, until it has applied all that the cluster had committed by then.
pub(super) const SYNC: &str = "SET SESSION wsrep_sync_wait=1";
/// Has it answer from what it has.
pub(super) const NO_SYNC: &str = "SET SESSION wsrep_sync_wait=0";

fn until() -> String {
    format!("UTC_TIMESTAMP(6)+INTERVAL {LIFE} SECOND")
}

fn long_over() -> String {
    format!("expires<UTC_TIMESTAMP(6)-INTERVAL {LEFT_BEHIND} SECOND")
}

fn list(ids: &[SessionId<'_>]) -> String {
    let literals: Vec<String> = ids.iter().map(|id| format!("'{}'", key(*id))).collect();
    literals.join(",")
}

/// The key of a session's lock. Ids need no escape ([`SessionId`]).
pub(super) fn key(id: SessionId<'_>) -> String {
    String::from_utf8_lossy(id.as_bytes()).into_owned()
}

fn hex(token: u128) -> String {
    format!("x'{token:032x}'")
}
