//! Sessions that must not exist yet: made in one round trip, and where the request goes on with them, under their lock.

use std::time::Instant;

use super::Mysql;
use super::begin::JUST_LET_GO;
use super::commit::stored;
use super::connection::Connection;
use super::failure::{Cause, Failure};
use super::lease::{self, Hold};
use super::locks;
use super::table::Table;
use crate::error::Result;
use crate::record::{Record, SessionId, now};
use crate::store::{Change, Committed, Lease};

/// A lock that is taken in the same packet.
pub(super) struct Taking {
    /// The statements that do so, each with its semicolon.
    sql: String,
    /// How many they are.
    count: usize,
    hold: Hold,
}

impl Mysql {
    /// Makes a session, under the lock of `taking`; [`Committed::Collision`]: it exists, or somebody has the lock. `again`:
    /// it may have been made a moment ago, with the answer lost.
    pub(super) fn insert(
        &self,
        connection: &mut Connection,
        table: &Table,
        (id, record): (SessionId<'_>, &Record<'_>),
        taking: Option<&Taking>,
        again: bool,
    ) -> Result<Committed, Failure> {
        let now = now();
        let (take, count) = taking.map_or(("", 0), |taking| (&taking.sql, taking.count));
        let sql = format!("{take}{}", table.insert(id, record, now, taking.map(|taking| &taking.hold)));
        self.check_size((id, Change::Write(record)), &sql, table, connection)?;
        match connection.run_to(&sql, count) {
            Ok(answer) if answer.affected > 0 => Ok(Committed::Done),
            Ok(_) => Ok(Committed::Collision),
            // Without the lock nothing is inserted, so here it is ours.
            Err(Failure { cause: Cause::Duplicate, .. }) => {
                let answers = connection.run(&table.replace_expired(id, record, now))?;
                let now_there = || stored(table, &answers[1]) == Some((record.version, record.expires));
                let ours = answers[0].affected > 0 || (again && now_there());
                Ok(if ours { Committed::Done } else { Committed::Collision })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Makes a session and takes its lock; `None`: it exists, or somebody has the lock.
    pub(super) fn create_alone(&self, id: SessionId<'_>, record: &Record<'_>) -> Result<Option<Lease>> {
        let (name, token) = (lease::name(&self.target, id), self.new_token());
        let mut runs = 0;
        let (committed, connection) = self.with(&mut |connection, table| {
            runs += 1;
            let widened = self.widened(connection, table, Change::Write(record))?;
            let table = widened.as_deref().unwrap_or(table);
            // Nobody knows the id; but the server may still have to notice that the connection of an earlier try is gone.
            let slice = connection.slice(JUST_LET_GO);
            let sql = format!("{};", lease::acquire(&name, slice, connection.strict));
            let taking = Taking { sql, count: 1, hold: Hold::of(&name, token) };
            let committed = self.insert(connection, table, (id, record), Some(&taking), runs > 1)?;
            connection.strict = true;
            if committed != Committed::Done {
                connection.run(&lease::release(&name))?;
            }
            Ok(committed)
        })?;
        if committed != Committed::Done {
            self.hosts.put(connection);
            return Ok(None);
        }
        self.leases.keep_as(token, connection);
        Ok(Some(Lease { token, existed: true, ..Lease::default() }))
    }

    /// The same where the lock is a row.
    pub(super) fn create_by_row(&self, id: SessionId<'_>, record: &Record<'_>) -> Result<Option<Lease>> {
        let (token, key, locks) = (self.new_token(), locks::key(id), self.locks());
        let sql = format!("{};{};", locks.take(&key, token, "1"), locks.note(&key, token));
        let taking = Taking { sql, count: 2, hold: Hold::of_row(token) };
        let (mut runs, mut asked) = (0, Instant::now());
        let (committed, connection) = self.with(&mut |connection, table| {
            (runs, asked) = (runs + 1, Instant::now());
            let widened = self.widened(connection, table, Change::Write(record))?;
            let table = widened.as_deref().unwrap_or(table);
            self.insert(connection, table, (id, record), Some(&taking), runs > 1)
        })?;
        self.hosts.put(connection);
        if committed != Committed::Done {
            self.let_go(id, token);
            return Ok(None);
        }
        self.held.add(token, id, asked);
        Ok(Some(Lease { token, existed: true, ..Lease::default() }))
    }
}
