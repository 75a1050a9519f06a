//! `?widen=1`: a session that does not fit into the column of payloads makes that column a `LONGTEXT` or `LONGBLOB`, once.
//!
//! The tables of other programs hold less than a session may be: 48 KiB of it in a `TEXT` with base64, and no emoji in
//! a column of `utf8mb3`. Such a session is refused, unless the site's owner has said that the column may be changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::connection::Connection;
use super::failure::{Cause, Failure};
use super::layout::Coding;
use super::table::Table;
use super::{Mysql, lease, locks};
use crate::error::ErrorKind;
use crate::store::Change;

/// How long the server may take to copy the table. Meanwhile nobody writes to it.
const LONGEST: Duration = Duration::from_secs(60);
/// How long to sleep before looking again whether another request has widened it.
const ANOTHER_LOOK: Duration = Duration::from_millis(100);

/// The column of payloads, as the server describes it.
#[derive(Debug)]
pub(super) struct Payload {
    /// Its type, as `mediumtext`.
    pub(super) kind: String,
    /// Empty for bytes without one.
    pub(super) collation: String,
    pub(super) nullable: bool,
    /// The longest payload that it takes, in bytes of the session string.
    pub(super) capacity: u64,
}

impl Payload {
    fn charset(&self) -> &str {
        charset_of(&self.collation)
    }

    /// Whether the column keeps all of these bytes.
    fn takes(&self, coding: Coding, payload: &[u8]) -> bool {
        payload.len() as u64 <= self.capacity && (coding == Coding::Base64 || is_text(self.charset(), payload))
    }

    /// What it has to become to keep them; `None`: nothing of its kind does.
    fn wider(&self, coding: Coding, payload: &[u8]) -> Option<String> {
        let null = if self.nullable { "NULL" } else { "NOT NULL" };
        if self.collation.is_empty() {
            return (!self.kind.starts_with("longblob")).then(|| format!("LONGBLOB {null}"));
        }
        let charset = self.charset();
        let (charset, collation) = match coding == Coding::Base64 || is_text(charset, payload) {
            true if self.kind.starts_with("longtext") => return None,
            true => (charset, self.collation.clone()),
            // These have the same bytes in utf8mb4, so the sessions that are there stay what they are.
            false if matches!(charset, "ascii" | "utf8" | "utf8mb3") && is_text("utf8mb4", payload) => {
                ("utf8mb4", self.collation.replacen(charset, "utf8mb4", 1))
            }
            false => return None,
        };
        Some(format!("LONGTEXT CHARACTER SET {charset} COLLATE {collation} {null}"))
    }
}

/// The character set of a collation.
pub(super) fn charset_of(collation: &str) -> &str {
    collation.split('_').next().unwrap_or_default()
}

/// Whether bytes are text of a character set. Those that are not listed take any byte, or are left to the server.
pub(super) fn is_text(charset: &str, bytes: &[u8]) -> bool {
    match charset {
        "ascii" => bytes.is_ascii(),
        // Up to three bytes a character.
        "utf8" | "utf8mb3" => std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| c <= '\u{ffff}')),
        "utf8mb4" => std::str::from_utf8(bytes).is_ok(),
        _ => true,
    }
}

impl Table {
    /// The statement by which the table would keep a payload that it does not keep now; `None`: it does, or nothing helps.
    fn widening(&self, payload: &[u8]) -> Option<String> {
        let coding = self.layout.coding;
        if self.payload.takes(coding, payload) {
            return None;
        }
        let wider = self.payload.wider(coding, payload)?;
        Some(format!("ALTER TABLE {} MODIFY {} {wider}", self.name, self.layout.payload))
    }
}

impl Mysql {
    /// The table, once it has room for what `change` writes, where it may be given some; `None`: it is as it was.
    pub(super) fn widened(
        &self,
        connection: &mut Connection,
        table: &Table,
        change: Change<'_>,
    ) -> Result<Option<Arc<Table>>, Failure> {
        let Change::Write(record) = change else { return Ok(None) };
        // What no statement has room for need not fit into a column.
        if !self.target.widen || record.payload.len() > connection.room || table.widening(&record.payload).is_none() {
            return Ok(None);
        }
        let begun = Instant::now();
        // Not this machine's: another request here has the lock for itself as well.
        let token = rand::rng().random_range(1..=u128::MAX);
        let (take, give_back) = self.one_at_a_time(token);
        loop {
            if connection.run(&take)?.last().is_some_and(|taken| taken.is_one()) {
                break;
            }
            if begun.elapsed() >= connection.patience() {
                return Err(too_slow(self));
            }
            std::thread::sleep(ANOTHER_LOOK);
        }
        // Another request may have done it since the table was looked at.
        let found = Arc::new(Table::find(connection, &self.target)?);
        let found = match found.widening(&record.payload) {
            None => found,
            Some(alter) => {
                if let Err(failure) = connection.run_long(&alter, LONGEST) {
                    if failure.cause == Cause::Other {
                        connection.run(&give_back)?;
                    }
                    return Err(self.not_widened(&alter, failure));
                }
                Arc::new(Table::find(connection, &self.target)?)
            }
        };
        connection.run(&give_back)?;
        *self.table.lock() = Some(Arc::clone(&found));
        Ok(Some(found))
    }

    /// Statements by which one machine at a time widens: taking the turn, of which the last answer is 1 if it was taken,
    /// and giving it back. The variables that a lease goes by are left as they are.
    fn one_at_a_time(&self, token: u128) -> (String, String) {
        if self.locking && self.is_by_row() {
            let (table, key) = (self.locks(), locks::WIDEN);
            let take = format!("{};{}", table.take(key, token, "1"), table.is_ours(key, token));
            return (take, table.free(key, token));
        }
        let name = lease::widen_name(&self.target);
        (format!("SELECT GET_LOCK('{name}',0)"), lease::release(&name))
    }

    fn not_widened(&self, alter: &str, failure: Failure) -> Failure {
        if failure.cause == Cause::Silent {
            return Failure { cause: Cause::Silent, error: too_slow(self).error };
        }
        if failure.cause != Cause::Other {
            return failure;
        }
        let message = format!(
            "a session does not fit into the table {}, which cannot be widened: {}; as a user who may, run in the \
             database {}: {alter}; its last stored state stays",
            self.target.table, failure.error, self.target.server.database
        );
        Failure::other(ErrorKind::Refused, message)
    }
}

fn too_slow(store: &Mysql) -> Failure {
    let message = format!(
        "a session does not fit into the table {} of {}, which is being widened (widen=1); that takes long, and its last \
         stored state stays meanwhile",
        store.target.table, store.target.server
    );
    Failure::other(ErrorKind::Refused, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: &str, collation: &str) -> Payload {
        Payload { kind: kind.to_owned(), collation: collation.to_owned(), nullable: false, capacity: 10 }
    }

    #[test]
    fn a_column_keeps_its_character_set_where_that_will_do() {
        let wider = |kind, collation, payload: &[u8]| column(kind, collation).wider(Coding::Raw, payload);
        let long = [b'x'; 20];
        let text = |charset| Some(format!("LONGTEXT CHARACTER SET {charset} NOT NULL"));
        assert_eq!(wider("mediumtext", "utf8mb3_general_ci", &long), text("utf8mb3 COLLATE utf8mb3_general_ci"));
        assert_eq!(
            wider("mediumtext", "utf8mb3_general_ci", "😀".as_bytes()),
            text("utf8mb4 COLLATE utf8mb4_general_ci")
        );
        assert_eq!(wider("text", "latin1_swedish_ci", &[0xff; 20]), text("latin1 COLLATE latin1_swedish_ci"));
        assert_eq!(wider("blob", "", &[0xff; 20]).as_deref(), Some("LONGBLOB NOT NULL"));
    }

    #[test]
    fn what_no_column_of_its_kind_keeps_changes_nothing() {
        assert_eq!(column("text", "utf8mb4_bin").wider(Coding::Raw, &[0xff]), None);
        assert_eq!(column("longtext", "utf8mb4_bin").wider(Coding::Raw, b"text"), None);
        assert_eq!(column("longblob", "").wider(Coding::Raw, b"bytes"), None);
    }
}
