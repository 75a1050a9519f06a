//! The first half of a request: the lock of the session, and the session, in one round trip.

use std::time::{Duration, Instant};

use super::failure::Failure;
use super::table::Table;
use super::{Mysql, lease};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Record, SessionId, Version, now};
use crate::store::{Begun, Found, Lease};

/// How long to sleep before looking again for a lock, where waits for one are whole seconds and less is left: 50 looks
/// a second.
const ANOTHER_LOOK: Duration = Duration::from_millis(20);

/// Who does not want to wait waits so long nevertheless: a request ends without waiting until its lock was given back
/// ([`super::commit`]), and the one that comes after it is not to find the lock taken.
pub(super) const JUST_LET_GO: Duration = Duration::from_millis(50);

impl Mysql {
    /// Reads a session without a lease.
    pub(super) fn begin_shared(&self, id: SessionId<'_>, known: Option<Version>) -> Result<Begun> {
        let (found, connection) = self.with(&mut |connection, table| {
            let mut answers = connection.run_current(&table.read(id, known, now()))?;
            Ok(found(table, &answers.swap_remove(0).rows.pop().unwrap_or_default(), known))
        })?;
        self.hosts.put(connection);
        let found = found?;
        let existed = found != Found::Missing;
        Ok(Begun { found, lease: Lease { existed, unbuffered: existed, ..Lease::default() } })
    }

    /// Takes the lease and reads. `if_exists`: a session that is not there is not locked.
    pub(super) fn begin_alone(&self, id: SessionId<'_>, known: Option<Version>, if_exists: bool) -> Result<Begun> {
        let name = lease::name(&self.target, id);
        let begun = Instant::now();
        let (taken, connection) = self.with(&mut |connection, table| {
            loop {
                let left = self.lock_wait.max(JUST_LET_GO).saturating_sub(begun.elapsed());
                let slice = connection.slice(left);
                let (now, mariadb) = (now(), connection.mariadb);
                // What the session was found to be, for the statement that gives back the lock of a missing one.
                let note = if mariadb && if_exists { lease::NOTE } else { "" };
                let read = table.read_beside((lease::TAKEN, note), id, known, now);
                let (mut sql, number) = lease::acquire_before(&read, &name, slice, connection.strict, mariadb);
                if if_exists {
                    let release = match mariadb {
                        true => lease::release_if_missing(&name),
                        false => table.if_missing(&format!("RELEASE_LOCK('{name}')"), id, now),
                    };
                    sql = format!("{sql};{release}");
                }
                let mut answer = connection.run_to(&sql, number)?;
                // Where the session was looked for twice, something else may have deleted it in between.
                let released = if_exists && !mariadb && connection.rest()?.last().is_some_and(|answer| answer.is_one());
                connection.strict = true;
                let row = answer.rows.pop().unwrap_or_default();
                match row.first().and_then(Option::as_deref) {
                    Some(b"1") => {
                        let session = if row[1].is_none() || released { &[] } else { &row[1..3] };
                        return Ok(Some((found(table, session, known), released || mariadb)));
                    }
                    Some(_) if left.is_zero() => return Ok(None),
                    Some(_) if slice.is_zero() => std::thread::sleep(ANOTHER_LOOK.min(left)),
                    Some(_) => {}
                    // The wait ended in an error (MySQL manual, "Locking Functions").
                    None => {
                        let message = format!("{} could not give a lock; see its error log", self.target.server);
                        return Err(Failure::other(ErrorKind::Refused, message));
                    }
                }
            }
        })?;
        let Some((found, released)) = taken else {
            self.hosts.put(connection);
            return Err(self.lock_timeout());
        };
        // An unreadable session is nobody's to hold: the connection goes, and the lock with it.
        let found = found?;
        let existed = found != Found::Missing;
        let token = match (if_exists && !existed, released) {
            (false, _) => self.leases.keep(connection),
            (true, true) => {
                self.hosts.put(connection);
                0
            }
            // The lock goes with the connection.
            (true, false) => 0,
        };
        Ok(Begun { found, lease: Lease { token, existed, unbuffered: existed, ..Lease::default() } })
    }

    pub(super) fn lock_timeout(&self) -> Error {
        Error::new(
            ErrorKind::LockTimeout,
            format!(
                "another request, on this or another machine, has held this session for over {} seconds \
                 (rustdb.lock_wait); it runs too long, or should call session_write_close() sooner",
                self.lock_wait.as_secs_f64()
            ),
        )
    }
}

/// The session in the fields that [`Table::read`] asks for; no fields: there is none.
pub(super) fn found(table: &Table, fields: &[Option<Vec<u8>>], known: Option<Version>) -> Result<Found> {
    if fields.is_empty() {
        return Ok(Found::Missing);
    }
    match table.decode(fields) {
        Some((Some(payload), expires)) => {
            let version = Version::of(&payload);
            // Sent although it is known: somebody set the row's version to NULL.
            if known == Some(version) {
                return Ok(Found::Current(expires));
            }
            Ok(Found::Record(Record::of_version(version, payload, expires)))
        }
        Some((None, expires)) if known.is_some() => Ok(Found::Current(expires)),
        _ => Err(table.unreadable()),
    }
}
