//! The second half of a request: the change, if the lease is still ours, and the lease given back, in one round trip.

use super::connection::{Answer, Connection};
use super::failure::{Cause, Failure};
use super::lease::Hold;
use super::table::Table;
use super::{Mysql, TRIES, lease};
use crate::error::Result;
use crate::record::{Expiry, SessionId, Version, now};
use crate::store::{Change, Committed, Lease};

/// What became of the statements of a commit.
struct Ran {
    /// How many rows the change matched.
    affected: u64,
    /// Whether the lock was kept, for another commit.
    keeps: bool,
    /// Whether the lock was not ours.
    lost: bool,
}

impl Mysql {
    /// Refuses a session that the server, or the table, would not take whole.
    pub(super) fn check_size(
        &self,
        (id, change): (SessionId<'_>, Change<'_>),
        sql: &str,
        table: &Table,
        connection: &Connection,
    ) -> Result<(), Failure> {
        let Change::Write(record) = change else { return Ok(()) };
        if sql.len() > connection.room {
            return Err(Failure::too_large(&self.target.server, record.payload.len(), connection.room));
        }
        table.check(id, Some(record))
    }

    /// Without a lease.
    pub(super) fn commit_shared(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        if matches!(change, Change::None) {
            return Ok(Committed::Done);
        }
        let mut runs = 0;
        let (committed, connection) = self.with(&mut |connection, table| {
            runs += 1;
            let widened = self.widened(connection, table, change)?;
            let table = widened.as_deref().unwrap_or(table);
            if let (Change::Write(record), true) = (change, lease.fresh) {
                return self.insert(connection, table, (id, record), None, runs > 1);
            }
            let Some(sql) = statement(table, id, change, lease.existed, None) else { return Ok(Committed::Done) };
            self.check_size((id, change), &sql, table, connection)?;
            let answers = connection.run(&sql)?;
            Ok(outcome(change, lease.existed, answers[0].affected))
        })?;
        self.hosts.put(connection);
        Ok(committed)
    }

    /// With a lease, on the connection that holds it.
    pub(super) fn commit_alone(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        let Some(mut connection) = self.leases.take(lease.token) else { return Ok(Committed::LeaseLost) };
        let name = lease::name(&self.target, id);
        let run = |connection: &mut Connection| {
            let table = self.table(connection)?;
            let table = self.widened(connection, &table, change)?.unwrap_or(table);
            let hold = Hold::of(&name, lease.token);
            // Only a touch may find that it has to be followed by another commit, which needs the lock still.
            let keeps = matches!(change, Change::Touch(..)) && !lease.existed;
            // Where a row has to change if the lock is ours, nobody asks whether it was let go: a statement that answers so
            // costs the server about 6 µs more than one that notes it.
            let changes = !keeps && (lease.existed || matches!(change, Change::Write(_)));
            let release = match (keeps, changes) {
                (true, _) => format!("SELECT IF(ROW_COUNT()=0{},2,RELEASE_LOCK('{name}')) l", hold.guard),
                (_, true) => lease::let_go_and_note(&name),
                (_, false) => lease::release(&name),
            };
            let Some(mut sql) = statement(&table, id, change, lease.existed, Some(&hold)) else {
                connection.leave(&lease::let_go(&name))?;
                return Ok(Ran { affected: 0, keeps: false, lost: false });
            };
            sql.push(';');
            sql.push_str(&release);
            self.check_size((id, change), &sql, &table, connection)?;
            let mut tries = 1;
            let affected = loop {
                match connection.run_to(&sql, 0) {
                    // The transaction was undone and the lock is ours still.
                    Err(Failure { cause: Cause::Busy, .. }) if tries < TRIES => tries += 1,
                    done => break done?.affected,
                }
            };
            if affected > 0 {
                // Written, so the lock was ours, and it is let go whether anybody waits for that or not.
                return Ok(Ran { affected, keeps: false, lost: false });
            }
            let mut answers = connection.rest()?;
            if changes {
                answers = connection.run(lease::WAS_OURS)?;
            }
            let released = answers.last().and_then(|last| last.first(0));
            Ok(Ran { affected, keeps: released == Some(b"2"), lost: !matches!(released, Some(b"1" | b"2")) })
        };
        match run(&mut connection) {
            // The lock was not this connection's, so nothing was written.
            Ok(Ran { lost: true, .. }) => Ok(Committed::LeaseLost),
            Ok(Ran { affected, keeps, .. }) => {
                match keeps {
                    true => self.leases.keep_as(lease.token, connection),
                    false => self.hosts.put(connection),
                }
                Ok(outcome(change, lease.existed, affected))
            }
            // The lock goes with the connection.
            Err(failure) => {
                let host = connection.host;
                drop(connection);
                self.learn(host, &failure);
                match failure.cause {
                    Cause::Closed => self.look_again(id, change, &name, lease.token),
                    _ => Err(failure.error),
                }
            }
        }
    }

    /// The connection broke before it answered: either the lease was lost before, or only the answer was. Where
    /// somebody else has written the session since, it counts as lost.
    fn look_again(&self, id: SessionId<'_>, change: Change<'_>, name: &str, token: u128) -> Result<Committed> {
        if matches!(change, Change::None) {
            return Ok(Committed::LeaseLost);
        }
        let look = || {
            self.with(&mut |connection, table| {
                // With the lock in hand, whatever the broken connection had begun is over.
                let slice = connection.slice(self.target.server.timeout);
                let (acquire, release) = (lease::acquire(name, slice, false), lease::release(name));
                let answers = connection.run(&format!("{acquire};{};{release}", table.whole(id)))?;
                connection.strict = true;
                Ok(is_done(table, &answers[1], change, Hold::of(name, token).mark))
            })
        };
        // Looking changes nothing, so it may be done as often as the connection breaks.
        let mut looked = look();
        for _ in 1..TRIES {
            if looked.is_err() {
                looked = look();
            }
        }
        let (done, connection) = looked?;
        self.hosts.put(connection);
        Ok(if done { Committed::Done } else { Committed::LeaseLost })
    }
}

/// The statement for a change of a session that is there or not; `None` if there is nothing to do.
pub(super) fn statement(
    table: &Table,
    id: SessionId<'_>,
    change: Change<'_>,
    existed: bool,
    hold: Option<&Hold>,
) -> Option<String> {
    Some(match change {
        Change::None => return None,
        Change::Touch(expires, visitor) => table.touch(id, (expires, visitor), now(), hold),
        Change::Write(record) if existed => table.update(id, record, now(), hold),
        Change::Write(record) => table.upsert(id, record, now(), hold),
        Change::Destroy => table.delete(id, hold),
    })
}

/// What a statement that matched `affected` rows has done.
pub(super) fn outcome(change: Change<'_>, existed: bool, affected: u64) -> Committed {
    match change {
        Change::Touch(..) | Change::Write(_) if affected == 0 && existed => Committed::Ended,
        Change::Touch(..) if affected == 0 => Committed::Gone,
        _ => Committed::Done,
    }
}

/// Whether a change was made, by what [`Table::whole`] answers later.
pub(super) fn is_done(table: &Table, answer: &Answer, change: Change<'_>, mark: u64) -> bool {
    match change {
        Change::None => false,
        Change::Destroy => answer.rows.is_empty(),
        _ if table.is_own() => answer.first(0) == Some(mark.to_string().as_bytes()),
        // Elsewhere no mark has a place, and what stands there has to do.
        Change::Touch(expires, _) => stored(table, answer).is_some_and(|(_, there)| there == expires),
        Change::Write(record) => stored(table, answer) == Some((record.version, record.expires)),
    }
}

/// What stands in the row that [`Table::whole`] found.
pub(super) fn stored(table: &Table, answer: &Answer) -> Option<(Version, Expiry)> {
    let (payload, expires) = table.decode(answer.rows.first()?.get(1..)?)?;
    Some((Version::of(&payload?), expires))
}
