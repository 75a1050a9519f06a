//! Garbage collection: a bounded number of rows at a time, found by the index on the expiry, by one machine at a time.
//!
//! A table without that index is looked through in the order of its ids, a bounded number of rows at a time too.

use std::time::Duration;

use super::failure::Failure;
use super::{Connection, Mysql, Table, lease};
use crate::error::Result;
use crate::record::SessionId;
use crate::store::{Sweep, Swept};

/// Rows that one statement touches at most: it holds locks on them, and replicas run it as one too.
const ROWS: usize = 1000;
/// What one id takes in a statement at most: where case has to be told apart, it stands there twice.
const ID: usize = 640;

impl Sweep for Mysql {
    fn sweep(
        &self,
        now: i64,
        limit: usize,
        skip: usize,
        may_collect: &mut dyn FnMut(SessionId<'_>) -> bool,
    ) -> Result<Swept> {
        let sweeper = lease::sweep_name(&self.target);
        let (swept, connection) = self.with(&mut |connection, table| {
            let rows = limit.min(ROWS).min(connection.room / ID).max(1);
            let after = self.swept.lock().clone().filter(|_| !table.indexed);
            let search = match table.indexed {
                true => table.expired(now, skip, rows + 1),
                false => table.next_ids(now, after.as_deref().and_then(|id| SessionId::parse(id).ok()), rows + 1),
            };
            let (acquire, taken) = (lease::acquire(&sweeper, Duration::ZERO, connection.strict), lease::TAKEN);
            let mut answers = connection.run(&format!("{acquire};SELECT {taken};{search}"))?;
            connection.strict = true;
            if !answers[1].is_one() {
                // Another machine is at it.
                return Ok(Swept::default());
            }
            let mut found = answers.remove(2).rows;
            let more = found.len() > rows;
            found.truncate(rows);
            let last = found.iter().rev().find_map(|row| row[0].clone().filter(|id| SessionId::parse(id).is_ok()));
            *self.swept.lock() = last.filter(|_| more && !table.indexed);
            let expired = |row: &Vec<Option<Vec<u8>>>| row[1].as_deref() == Some(b"1");
            let found: Vec<Vec<u8>> =
                found.into_iter().filter(expired).filter_map(|row| row.into_iter().next().flatten()).collect();
            let due = found.iter().filter_map(|id| SessionId::parse(id).ok()).filter(|id| may_collect(*id)).collect();
            let due: Vec<SessionId<'_>> = self.unused(connection, due)?;
            let kept = (found.len() - due.len()) as u64;
            let collected = self.delete(connection, table, &due, now, &sweeper)?;
            Ok(Swept { collected, kept, more })
        })?;
        self.pool.put(connection);
        Ok(swept)
    }
}

impl Mysql {
    /// Those of `ids` that no machine has a lease on: a long request may outlive the expiry of its session, and moves
    /// it at its end. Whoever begins later finds the session expired, whether its row is there or not.
    fn unused<'i>(
        &self,
        connection: &mut Connection,
        mut ids: Vec<SessionId<'i>>,
    ) -> Result<Vec<SessionId<'i>>, Failure> {
        if !self.locking || ids.is_empty() {
            return Ok(ids);
        }
        // In one field: as fields of their own they would each come with a description. CONCAT makes one digit of each.
        let asked: Vec<String> =
            ids.iter().map(|id| format!("IS_FREE_LOCK('{}')", lease::name(&self.target, *id))).collect();
        let answers = connection.run(&format!("SELECT CONCAT('',{})", asked.join(",")))?;
        let free = answers[0].first(0).unwrap_or_default();
        let mut free = free.iter().map(|digit| *digit == b'1');
        ids.retain(|_| free.next().unwrap_or(false));
        Ok(ids)
    }

    /// Deletes what is expired still, and lets others collect.
    fn delete(
        &self,
        connection: &mut Connection,
        table: &Table,
        due: &[SessionId<'_>],
        now: i64,
        sweeper: &str,
    ) -> Result<u64, Failure> {
        let end = lease::release(sweeper);
        if due.is_empty() {
            return connection.run(&end).map(|_| 0);
        }
        let deletion = table.delete_expired(due.iter().copied(), now);
        connection.run(&format!("{deletion};{end}")).map(|answers| answers[0].affected)
    }
}
