//! Garbage collection: a bounded number of rows at a time, found by the index on the expiry, by one machine at a time.
//!
//! A table without that index is looked through in the order of its ids, a bounded number of rows at a time too.

use std::collections::HashSet;
use std::time::Duration;

use super::failure::Failure;
use super::{Connection, Mysql, lease, locks};
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
        let token = self.new_token();
        let (swept, connection) = self.with(&mut |connection, table| {
            let rows = limit.min(ROWS).min(connection.room / ID).max(1);
            let after = self.swept.lock().clone().filter(|_| !table.indexed);
            let search = match table.indexed {
                true => table.expired(now, skip, rows + 1),
                false => table.next_ids(now, after.as_deref().and_then(|id| SessionId::parse(id).ok()), rows + 1),
            };
            let turn = self.turn(token, connection.strict);
            let Turn { take, taken, left_behind, .. } = &turn;
            let mut answers =
                connection.run(&format!("{take};SELECT {taken};{}{search}", left_behind.as_deref().unwrap_or("")))?;
            connection.strict |= !turn.by_row;
            let mut found = answers.pop().map(|answer| answer.rows).unwrap_or_default();
            let left_behind = if turn.by_row { answers.pop() } else { None };
            if !answers.pop().is_some_and(|taken| taken.is_one()) {
                // Another machine is at it.
                return Ok(Swept::default());
            }
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
            let mut end = Vec::new();
            if !due.is_empty() {
                end.push(table.delete_expired(due.iter().copied(), now));
            }
            let locks: Vec<Vec<u8>> = left_behind
                .into_iter()
                .flat_map(|answer| answer.rows)
                .filter_map(|mut row| row.swap_remove(0))
                .collect();
            let locks: Vec<_> = locks.iter().filter_map(|id| SessionId::parse(id).ok()).collect();
            if !locks.is_empty() {
                end.push(self.locks().delete(&locks));
            }
            end.push(turn.give_back);
            let answers = connection.run(&end.join(";"))?;
            let collected = if due.is_empty() { 0 } else { answers[0].affected };
            Ok(Swept { collected, kept, more })
        })?;
        self.hosts.put(connection);
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
        if self.is_by_row() {
            let answers = connection.run(&self.locks().held(&ids))?;
            let held: HashSet<&[u8]> = answers[0].rows.iter().filter_map(|row| row[0].as_deref()).collect();
            ids.retain(|id| !held.contains(id.as_bytes()));
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

    /// The statements by which one machine at a time collects.
    fn turn(&self, token: u128, strict: bool) -> Turn {
        if self.locking && self.is_by_row() {
            let (locks, key) = (self.locks(), locks::SWEEP);
            return Turn {
                take: format!("{};{}", locks.take(key, token, "1"), locks.note(key, token)),
                taken: locks::OURS,
                give_back: locks.free(key, token),
                left_behind: Some(locks.left_behind(ROWS) + ";"),
                by_row: true,
            };
        }
        let name = lease::sweep_name(&self.target);
        Turn {
            take: lease::acquire(&name, Duration::ZERO, strict),
            taken: lease::TAKEN,
            give_back: lease::release(&name),
            left_behind: None,
            by_row: false,
        }
    }
}

/// How a machine gets its turn, and gives it back.
struct Turn {
    take: String,
    /// A field that is 1 where it is this machine's turn.
    taken: &'static str,
    give_back: String,
    /// Asks for locks of dead machines.
    left_behind: Option<String>,
    by_row: bool,
}
