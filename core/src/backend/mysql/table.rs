//! The table of sessions: how it is made, how it is recognised, and the statements on it.
//!
//! Values stand in the statements as literals. That is safe without escaping anything, because nothing of a visitor's
//! gets there as it is: ids are `[A-Za-z0-9,-]` ([`SessionId`]), payloads are base64, versions are hexadecimal, the
//! rest are numbers, and names of tables were checked when they were read.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::connection::Connection;
use super::failure::{Cause, Failure};
use super::lease::Hold;
use super::target::Target;
use crate::error::{Error, ErrorKind};
use crate::record::{Expiry, Record, SessionId, Version};

/// The table that is made on first use, for those who do not let PHP's database user make tables: run it as it is, or
/// with another name than `sessions` and `?table=` in `rustdb.store`.
///
/// - `id`: the session id. Binary, so that ids that differ in case are different sessions.
/// - `payload`: PHP's session string, in base64, so that no character set of a client, a dump or a tool changes a byte.
/// - `expires`: the last second, since 1970, in which the session exists. Garbage collection goes by its index.
/// - `version`: XXH3-128 of the session string. Whoever changes `payload` by hand sets it to NULL, else other machines
///   may go on with the payload they know.
/// - `lease`: a random number of the request that wrote the row last, by which it finds out whether it did when the
///   connection broke before the answer.
/// - `created`: the second, since 1970, in which the session began.
/// - `user_id`, `ip` (an IPv6 address too) and `user_agent`: of the visitor, where they are known.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS `sessions` (
  `id` varbinary(256) NOT NULL,
  `payload` longtext CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `expires` bigint NOT NULL,
  `version` binary(16) DEFAULT NULL,
  `lease` bigint unsigned DEFAULT NULL,
  `created` bigint NOT NULL,
  `user_id` varchar(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `ip` varchar(45) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `user_agent` text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `expires` (`expires`)
) ENGINE=InnoDB";

/// What makes a new session of a row: `now` stands for the second.
const REPLACE: &str = " ON DUPLICATE KEY UPDATE created=IF(expires<{now},VALUES(created),created),\
                       user_id=IF(expires<{now},NULL,user_id),ip=IF(expires<{now},NULL,ip),\
                       user_agent=IF(expires<{now},NULL,user_agent),payload=VALUES(payload),\
                       version=VALUES(version),lease=VALUES(lease),expires=VALUES(expires)";

/// The columns that [`values`] has values for.
const COLUMNS: &str = "(id,payload,expires,version,created,lease)";

/// A column as the server describes it.
struct Column {
    name: String,
    kind: String,
    collation: String,
    bytes: u64,
}

/// A table of sessions that was looked at.
#[derive(Debug)]
pub(super) struct Table {
    /// The name in backquotes.
    name: String,
    /// The longest payload that its column takes, in bytes of the session string.
    capacity: u64,
}

/// The statement that makes the table of `target`.
pub(super) fn ddl(target: &Target) -> String {
    DDL.replacen("`sessions`", &format!("`{}`", target.table), 1)
}

impl Table {
    /// Looks at the table, and makes it if it is not there.
    pub(super) fn find(connection: &mut Connection, target: &Target) -> Result<Table, Failure> {
        let mut columns = columns(connection, target)?;
        if columns.is_empty() {
            connection.run(&ddl(target)).map_err(|failure| not_made(target, failure))?;
            columns = self::columns(connection, target)?;
        }
        recognise(target, &columns)
    }

    /// Refuses a session that the column would not take whole.
    pub(super) fn check(&self, target: &Target, bytes: usize) -> Result<(), Failure> {
        if bytes as u64 <= self.capacity {
            return Ok(());
        }
        let (capacity, name, server) = (self.capacity, &self.name, &target.server);
        Err(Failure::other(
            ErrorKind::Refused,
            format!(
                "a session of {bytes} bytes is too large for the column payload of {name} in {server}, which takes \
                 {capacity}; make it longtext, or keep less in the session; its last stored state stays"
            ),
        ))
    }

    /// Reads a session that has not expired: expiry and payload. What `known` says is not sent again.
    pub(super) fn read(&self, id: SessionId<'_>, known: Option<Version>, now: i64) -> String {
        let payload = payload(known);
        format!("SELECT expires,{payload} FROM {} WHERE id={} AND expires>={now}", self.name, quoted(id))
    }

    /// The same in a row that comes even if there is none, after the fields `first`, as an aggregate does. `last`: a
    /// field that is computed if there is none.
    pub(super) fn read_after(
        &self,
        (first, last): (&str, Option<&str>),
        id: SessionId<'_>,
        known: Option<Version>,
        now: i64,
    ) -> String {
        let (name, id, payload) = (&self.name, quoted(id), payload(known));
        let last = last.map_or_else(String::new, |last| format!(",IF(COUNT(*)=0,{last},0) r"));
        format!("SELECT {first} l,MAX(expires) e,MAX({payload}) p{last} FROM {name} WHERE id={id} AND expires>={now}")
    }

    /// Changes the row of a session.
    pub(super) fn update(&self, id: SessionId<'_>, record: &Record<'_>, hold: Option<&Hold>) -> String {
        self.set(id, record, &mark(hold), guard(hold))
    }

    fn set(&self, id: SessionId<'_>, record: &Record<'_>, more: &str, guard: &str) -> String {
        let mut sql = String::with_capacity(record.payload.len() / 3 * 4 + 800);
        let _ = write!(sql, "UPDATE {} SET payload='", self.name);
        BASE64.encode_string(&record.payload, &mut sql);
        let (version, expires, id) = (hex(record.version), record.expires.0, quoted(id));
        let _ = write!(sql, "',version={version},expires={expires}{more} WHERE id={id}{guard}");
        sql
    }

    /// Moves the expiry of a session.
    pub(super) fn touch(&self, id: SessionId<'_>, expires: Expiry, hold: Option<&Hold>) -> String {
        let (name, expires, id) = (&self.name, expires.0, quoted(id));
        format!("UPDATE {name} SET expires={expires}{} WHERE id={id}{}", mark(hold), guard(hold))
    }

    /// Ends a session.
    pub(super) fn delete(&self, id: SessionId<'_>, hold: Option<&Hold>) -> String {
        format!("DELETE FROM {} WHERE id={}{}", self.name, quoted(id), guard(hold))
    }

    /// Makes a row, which must not exist.
    pub(super) fn insert(&self, id: SessionId<'_>, record: &Record<'_>, now: i64) -> String {
        let mut sql = format!("INSERT INTO {} {COLUMNS} VALUES (", self.name);
        values(&mut sql, id, record, now, None);
        sql.push(')');
        sql
    }

    /// Makes a row, or writes over it.
    pub(super) fn upsert(&self, id: SessionId<'_>, record: &Record<'_>, now: i64, hold: Option<&Hold>) -> String {
        let mut sql = format!("INSERT INTO {} {COLUMNS} SELECT ", self.name);
        values(&mut sql, id, record, now, hold);
        let _ = write!(sql, " FROM DUAL WHERE 1{}{}", guard(hold), replacing(now));
        sql
    }

    /// What stands around pieces of the kind of `piece` in a statement over many rows.
    pub(super) fn around(&self, piece: &Piece, now: i64) -> (String, String) {
        match piece.kind {
            Kind::Row => {
                (format!("INSERT INTO {} {COLUMNS} VALUES ", self.name), replacing(now))
            }
            Kind::Ended => (format!("DELETE FROM {} WHERE id IN (", self.name), ")".to_owned()),
        }
    }

    /// Writes over a row that has expired, and tells whether what stands there now is `record`.
    pub(super) fn replace_expired(&self, id: SessionId<'_>, record: &Record<'_>, now: i64) -> String {
        let more = format!(",lease=NULL,created={now},user_id=NULL,ip=NULL,user_agent=NULL");
        let update = self.set(id, record, &more, &format!(" AND expires<{now}"));
        let (version, expires, id) = (hex(record.version), record.expires.0, quoted(id));
        format!("{update};SELECT version={version} AND expires={expires} FROM {} WHERE id={id}", self.name)
    }

    /// Which lease wrote a row last, whether it has expired or not.
    pub(super) fn mark(&self, id: SessionId<'_>) -> String {
        format!("SELECT lease FROM {} WHERE id={}", self.name, quoted(id))
    }

    /// The ids of sessions that have expired, the earliest first, as the index has them.
    pub(super) fn expired(&self, now: i64, skip: usize, limit: usize) -> String {
        format!("SELECT id FROM {} WHERE expires<{now} ORDER BY expires,id LIMIT {skip},{limit}", self.name)
    }

    /// Deletes those of `ids` that have expired still.
    pub(super) fn delete_expired<'i>(&self, ids: impl Iterator<Item = SessionId<'i>>, now: i64) -> String {
        let ids: Vec<String> = ids.map(quoted).collect();
        format!("DELETE FROM {} WHERE id IN ({}) AND expires<{now}", self.name, ids.join(","))
    }

    /// The session in the fields that [`Table::read`] asks for: payload, unless it is known, and expiry. `None`: it is
    /// damaged.
    pub(super) fn decode(fields: &[Option<Vec<u8>>]) -> Option<(Option<Vec<u8>>, Expiry)> {
        let [Some(expires), payload] = fields else { return None };
        let expires = Expiry(std::str::from_utf8(expires).ok()?.parse().ok()?);
        let payload = payload.as_ref().map(|payload| BASE64.decode(payload)).transpose().ok()?;
        Some((payload, expires))
    }
}

/// One change of many, as its part of a statement.
pub(super) struct Piece {
    /// The part.
    pub(super) text: String,
    /// Which statement it is a part of.
    pub(super) kind: Kind,
    /// The length of its payload.
    pub(super) bytes: usize,
}

/// A statement over many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows are made or written over.
    Row,
    /// Rows are deleted.
    Ended,
}

impl Piece {
    /// A session that is made or written over.
    pub(super) fn row(id: SessionId<'_>, record: &Record<'_>, now: i64) -> Piece {
        let mut text = String::with_capacity(record.payload.len() / 3 * 4 + 400);
        text.push('(');
        values(&mut text, id, record, now, None);
        text.push(')');
        Piece { text, kind: Kind::Row, bytes: record.payload.len() }
    }

    /// A session that ended.
    pub(super) fn ended(id: SessionId<'_>) -> Piece {
        Piece { text: quoted(id), kind: Kind::Ended, bytes: 0 }
    }
}

/// The payload as a field.
fn payload(known: Option<Version>) -> String {
    known.map_or_else(|| "payload".to_owned(), |version| format!("IF(version={},NULL,payload)", hex(version)))
}

fn quoted(id: SessionId<'_>) -> String {
    format!("'{}'", String::from_utf8_lossy(id.as_bytes()))
}

/// The version as a literal.
fn hex(version: Version) -> String {
    format!("x'{:032x}'", version.0)
}

/// The condition of statements under a lease.
fn guard(hold: Option<&Hold>) -> &str {
    hold.map_or("", |hold| &hold.guard)
}

/// The mark of a lease, as one more column to set.
fn mark(hold: Option<&Hold>) -> String {
    hold.map_or_else(String::new, |hold| format!(",lease={}", hold.mark))
}

fn values(sql: &mut String, id: SessionId<'_>, record: &Record<'_>, now: i64, hold: Option<&Hold>) {
    let _ = write!(sql, "{},'", quoted(id));
    BASE64.encode_string(&record.payload, sql);
    let lease = hold.map_or_else(|| "NULL".to_owned(), |hold| hold.mark.to_string());
    let _ = write!(sql, "',{},{},{now},{lease}", record.expires.0, hex(record.version));
}

fn replacing(now: i64) -> String {
    REPLACE.replace("{now}", &now.to_string())
}

fn columns(connection: &mut Connection, target: &Target) -> Result<Vec<Column>, Failure> {
    let mut answers = connection.run(&format!(
        "SELECT column_name,column_type,collation_name,character_octet_length FROM information_schema.columns \
         WHERE table_schema=DATABASE() AND table_name='{}' ORDER BY ordinal_position",
        target.table
    ))?;
    let text = |field: Option<&Option<Vec<u8>>>| {
        field.and_then(Option::as_deref).map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    };
    let column = |row: Vec<Option<Vec<u8>>>| Column {
        name: text(row.first()).to_ascii_lowercase(),
        kind: text(row.get(1)),
        collation: text(row.get(2)),
        bytes: text(row.get(3)).parse().unwrap_or(0),
    };
    Ok(answers.remove(0).rows.into_iter().map(column).collect())
}

fn recognise(target: &Target, columns: &[Column]) -> Result<Table, Failure> {
    let column = |name: &str| columns.iter().find(|column| column.name == name);
    let by_bytes = |column: &Column| column.kind.starts_with("varbinary") || column.collation.ends_with("_bin");
    let number = |column: &Column| column.kind.starts_with("bigint");
    let fits = column("id").is_some_and(|id| by_bytes(id) && id.bytes >= 256)
        && column("payload").is_some_and(|payload| payload.bytes > 0)
        && column("expires").is_some_and(number)
        && column("created").is_some_and(number)
        && column("version").is_some_and(|version| version.kind == "binary(16)")
        && ["lease", "user_id", "ip", "user_agent"].iter().all(|name| column(name).is_some());
    if let (true, Some(payload)) = (fits, column("payload")) {
        // Base64 makes four bytes of three.
        return Ok(Table { name: format!("`{}`", target.table), capacity: payload.bytes / 4 * 3 });
    }
    let found: Vec<String> = columns.iter().map(|column| format!("{} {}", column.name, column.kind)).collect();
    let expected: Vec<&str> = DDL.lines().filter_map(|line| line.trim().strip_prefix('`')).collect();
    let expected: Vec<String> = expected.iter().map(|line| line.trim_end_matches(',').replacen('`', "", 1)).collect();
    Err(Failure::other(
        ErrorKind::Refused,
        format!(
            "the table {} of {} is not one that rustdb knows; it has the columns {}; those of rustdb's own are {}; name \
             another table by ?table= in rustdb.store",
            target.table,
            target.server,
            found.join(", "),
            expected.join(", ")
        ),
    ))
}

fn not_made(target: &Target, failure: Failure) -> Failure {
    if failure.cause != Cause::Other || failure.error.kind() != ErrorKind::Refused {
        return failure;
    }
    Failure::other(
        ErrorKind::Refused,
        format!(
            "the table {} is missing and cannot be made: {}; as a user who may, run in the database {}: {};",
            target.table,
            failure.error,
            target.server.database,
            ddl(target)
        ),
    )
}

/// The failure of a session in a row that cannot be read.
pub(super) fn unreadable(target: &Target) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!(
            "a session in the table {} of {} is not base64 with a number for its expiry, so something else wrote it; \
             nothing was changed; see what writes to the table, or delete the row",
            target.table, target.server
        ),
    )
}
