//! The first half of a request: the lock of the session, and the session, in one round trip.

use std::time::{Duration, Instant};

use super::failure::Failure;
use super::table::Table;
use super::{Mysql, lease, table};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Record, SessionId, Version, now};
use crate::store::{Begun, Found, Lease};

/// How long to sleep before looking again for a lock, where waits for one are whole seconds and less is left: 50 looks
/// a second.
const ANOTHER_LOOK: Duration = Duration::from_millis(20);

impl Mysql {
    /// Reads a session without a lease.
    pub(super) fn begin_shared(&self, id: SessionId<'_>, known: Option<Version>) -> Result<Begun> {
        let (answers, connection) = self.with(&mut |connection, table| connection.run(&table.read(id, known, now())))?;
        self.pool.put(connection);
        let found = self.found(answers[0].rows.first().map_or(&[], Vec::as_slice), known)?;
        let existed = found != Found::Missing;
        Ok(Begun { found, lease: Lease { existed, unbuffered: existed, ..Lease::default() } })
    }

    /// Takes the lease and reads. `if_exists`: a session that is not there is not locked.
    pub(super) fn begin_alone(&self, id: SessionId<'_>, known: Option<Version>, if_exists: bool) -> Result<Begun> {
        let name = lease::name(&self.target, id);
        let release = if_exists.then(|| format!("RELEASE_LOCK('{name}')"));
        let begun = Instant::now();
        let (row, connection) = self.with(&mut |connection, table| {
            loop {
                let left = self.lock_wait.saturating_sub(begun.elapsed());
                let slice = connection.slice(left);
                let acquire = lease::acquire(&name, slice, connection.strict);
                let read = table.read_after((lease::TAKEN, release.as_deref()), id, known, now());
                let mut answers = connection.run(&format!("{acquire};{read}"))?;
                connection.strict = true;
                let row = answers.swap_remove(1).rows.pop().unwrap_or_default();
                match row.first().and_then(Option::as_deref) {
                    Some(b"1") => return Ok(Some(row)),
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
        let Some(row) = row else {
            self.pool.put(connection);
            return Err(self.lock_timeout());
        };
        let session = if row[1].is_none() { &[] } else { &row[1..3] };
        // An unreadable session is nobody's to hold: the connection goes, and the lock with it.
        let found = self.found(session, known)?;
        let existed = found != Found::Missing;
        let token = match (if_exists && !existed, row.get(3)) {
            (false, _) => self.leases.keep(connection),
            (true, Some(Some(released))) if released == b"1" => {
                self.pool.put(connection);
                0
            }
            // The lock goes with the connection.
            (true, _) => 0,
        };
        Ok(Begun { found, lease: Lease { token, existed, unbuffered: existed, ..Lease::default() } })
    }

    fn lock_timeout(&self) -> Error {
        Error::new(
            ErrorKind::LockTimeout,
            format!(
                "another request, on this or another machine, has held this session for over {} seconds \
                 (rustdb.lock_wait); it runs too long, or should call session_write_close() sooner",
                self.lock_wait.as_secs_f64()
            ),
        )
    }

    /// The session in the fields that [`Table::read`] asks for; no fields: there is none.
    fn found(&self, fields: &[Option<Vec<u8>>], known: Option<Version>) -> Result<Found> {
        if fields.is_empty() {
            return Ok(Found::Missing);
        }
        match Table::decode(fields) {
            Some((Some(payload), expires)) => {
                let version = Version::of(&payload);
                // Sent although it is known: somebody set the row's version to NULL.
                if known == Some(version) {
                    return Ok(Found::Current(expires));
                }
                Ok(Found::Record(Record { payload: payload.into(), version, expires }))
            }
            Some((None, expires)) if known.is_some() => Ok(Found::Current(expires)),
            _ => Err(table::unreadable(&self.target)),
        }
    }
}
