//! The statements on a table of sessions.
//!
//! Values stand in them as literals. That is safe without escaping anything, because nothing of a visitor's gets there
//! as it is: ids are `[A-Za-z0-9,-]` ([`SessionId`]), payloads are base64 or hexadecimal, versions, users, addresses and
//! browsers are hexadecimal, the rest are numbers, and names of tables were checked when they were read.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::failure::{Cause, Failure};
use super::layout::Coding;
use super::lease::Hold;
use super::table::Table;
use super::visitors::Known;
use crate::error::ErrorKind;
use crate::record::{Expiry, Record, SessionId, Version};
use crate::visitor::Visitor;

/// One change of many, as its part of a statement.
pub(super) struct Piece {
    /// The part.
    pub(super) text: String,
    /// Which statement it is a part of.
    pub(super) kind: Kind,
    /// Why the table does not take it whole.
    pub(super) refused: Option<Failure>,
    /// The length of its payload.
    pub(super) bytes: usize,
}

/// A statement over many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows are made or written over, each with these columns of the visitor's.
    Row(Known),
    /// Rows are deleted.
    Ended,
}

impl Table {
    /// Reads a session that has not expired: expiry and payload. What `known` says is not sent again.
    pub(super) fn read(&self, id: SessionId<'_>, known: Option<Version>, now: i64) -> String {
        let (payload, expires, alive) = (self.payload(known), self.expires(), self.alive(now));
        format!("SELECT {expires},{payload} FROM {} WHERE {} AND {alive}", self.name, self.is(id))
    }

    /// The same in a row that comes even if there is no session, as an aggregate does. Behind the field `first`; the
    /// expiry is what `note` is put before.
    pub(super) fn read_beside(
        &self,
        (first, note): (&str, &str),
        id: SessionId<'_>,
        known: Option<Version>,
        now: i64,
    ) -> String {
        let (payload, expires, alive) = (self.payload(known), self.expires(), self.alive(now));
        format!(
            "SELECT {first} l,{note}MAX({expires}) e,MAX({payload}) p FROM {} WHERE {} AND {alive}",
            self.name,
            self.is(id)
        )
    }

    /// The condition that there is such a session.
    pub(super) fn exists(&self, id: SessionId<'_>, now: i64) -> String {
        format!("EXISTS(SELECT 1 FROM {} WHERE {} AND {})", self.name, self.is(id), self.alive(now))
    }

    /// Computes `field` if there is no such session. A statement of its own: beside an aggregate, MariaDB computes both
    /// branches of an `IF`.
    pub(super) fn if_missing(&self, field: &str, id: SessionId<'_>, now: i64) -> String {
        format!("SELECT {field} FROM DUAL WHERE NOT {}", self.exists(id, now))
    }

    /// Asks for the record of the store's owner, which `claim` becomes if there is none; `None`: there can be none. No
    /// session has an id with `_`.
    pub(super) fn owner(&self, claim: Option<&str>, now: i64) -> Result<Option<String>, Failure> {
        if !self.is_own() {
            return match claim {
                None => Ok(None),
                Some(_) => Err(Failure::other(
                    ErrorKind::Config,
                    format!(
                        "rustdb.multi_host = off is for rustdb's own table, and {} is {}'s, which writes to it too; set it \
                         to on, or name another table by table= in rustdb.store",
                        self.name, self.layout.name
                    ),
                )),
            };
        }
        let read = format!("SELECT payload FROM {} WHERE id='_owner'", self.name);
        Ok(Some(match claim {
            None => read,
            Some(claim) => format!(
                "INSERT IGNORE INTO {} (id,payload,expires,created) VALUES ('_owner','{}',{},{now});{read}",
                self.name,
                BASE64.encode(claim),
                i64::MAX
            ),
        }))
    }

    /// The owner's record, as it stands in its row.
    pub(super) fn plain(&self, payload: &[u8]) -> Result<String, Failure> {
        let text = BASE64.decode(payload).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| Failure { cause: Cause::Other, error: self.unreadable() })
    }

    /// Which lease wrote a row last, and its expiry and payload, whether it has expired or not.
    pub(super) fn whole(&self, id: SessionId<'_>) -> String {
        let lease = if self.is_own() { "lease" } else { "NULL" };
        format!("SELECT {lease},{},{} FROM {} WHERE {}", self.expires(), self.layout.payload, self.name, self.is(id))
    }

    /// Changes the row of a session.
    pub(super) fn update(&self, id: SessionId<'_>, record: &Record<'_>, now: i64, hold: Option<&Hold>) -> String {
        let mut columns: Vec<_> = self.changing().into_iter().zip(self.changed(record, now)).collect();
        columns.extend(self.visitor.changed(&record.visitor));
        columns.extend(self.mark(hold));
        self.set(id, &columns, guard(hold))
    }

    /// Moves the expiry of a session, and tells who used it.
    pub(super) fn touch(
        &self,
        id: SessionId<'_>,
        (expires, visitor): (Expiry, &Visitor<'_>),
        now: i64,
        hold: Option<&Hold>,
    ) -> String {
        let clock = self.layout.clock;
        let mut columns: Vec<_> =
            clock.columns().iter().copied().zip(clock.values(self.lifetime, expires, now)).collect();
        columns.extend(self.visitor.changed(visitor));
        columns.extend(self.mark(hold));
        self.set(id, &columns, guard(hold))
    }

    /// Writes over a row that has expired, and tells what stands there now, as [`Table::whole`] does.
    pub(super) fn replace_expired(&self, id: SessionId<'_>, record: &Record<'_>, now: i64) -> String {
        let mut columns: Vec<_> = self.changing().into_iter().zip(self.changed(record, now)).collect();
        columns.extend(self.visitor.replaced(&record.visitor));
        columns.extend(self.layout.others.iter().map(|(column, value)| (*column, (*value).to_owned())));
        if self.is_own() {
            columns.extend([("lease", "NULL".to_owned()), ("created", now.to_string())]);
        }
        format!("{};{}", self.set(id, &columns, &format!(" AND {}", self.past(now))), self.whole(id))
    }

    /// Ends a session.
    pub(super) fn delete(&self, id: SessionId<'_>, hold: Option<&Hold>) -> String {
        format!("DELETE FROM {} WHERE {}{}", self.name, self.is(id), guard(hold))
    }

    /// Makes a row, which must not exist.
    pub(super) fn insert(&self, id: SessionId<'_>, record: &Record<'_>, now: i64, hold: Option<&Hold>) -> String {
        let names = self.row_names(self.visitor.known(&record.visitor));
        let (name, values) = (&self.name, self.row(id, record, now, hold));
        match hold {
            None => format!("INSERT INTO {name} ({names}) VALUES ({values})"),
            Some(_) => format!("INSERT INTO {name} ({names}) SELECT {values} FROM DUAL WHERE 1{}", guard(hold)),
        }
    }

    /// Makes a row, or writes over it.
    pub(super) fn upsert(&self, id: SessionId<'_>, record: &Record<'_>, now: i64, hold: Option<&Hold>) -> String {
        let known = self.visitor.known(&record.visitor);
        let (names, values) = (self.row_names(known), self.row(id, record, now, hold));
        let (guard, replacing) = (guard(hold), self.replacing(known, now));
        format!("INSERT INTO {} ({names}) SELECT {values} FROM DUAL WHERE 1{guard}{replacing}", self.name)
    }

    /// One change of many: a session that is made or written over, or one that ended.
    pub(super) fn piece(&self, id: SessionId<'_>, record: Option<&Record<'_>>, now: i64) -> Piece {
        match record {
            Some(record) => Piece {
                text: format!("({})", self.row(id, record, now, None)),
                kind: Kind::Row(self.visitor.known(&record.visitor)),
                refused: self.check(id, Some(record)).err(),
                bytes: record.payload.len(),
            },
            None => Piece { text: self.ended(id), kind: Kind::Ended, refused: None, bytes: 0 },
        }
    }

    /// What stands in front of, between and behind pieces of one kind.
    pub(super) fn around(&self, kind: Kind, now: i64) -> (String, &'static str, String) {
        let (name, id) = (&self.name, self.layout.id);
        match kind {
            Kind::Row(known) => {
                (format!("INSERT INTO {name} ({}) VALUES ", self.row_names(known)), ",", self.replacing(known, now))
            }
            Kind::Ended if self.exact => (format!("DELETE FROM {name} WHERE {id} IN ("), ",", ")".to_owned()),
            Kind::Ended => (format!("DELETE FROM {name} WHERE "), " OR ", String::new()),
        }
    }

    /// The ids of sessions that have expired, the earliest first, as the index has them.
    pub(super) fn expired(&self, now: i64, skip: usize, limit: usize) -> String {
        let (name, past, id, column) = (&self.name, self.past(now), self.layout.id, self.layout.clock.column());
        format!("SELECT {id},1 FROM {name} WHERE {past} ORDER BY {column},{id} LIMIT {skip},{limit}")
    }

    /// The ids of sessions behind `after`, in the order of their ids, and whether each has expired: for tables without
    /// an index on the expiry.
    pub(super) fn next_ids(&self, now: i64, after: Option<SessionId<'_>>, limit: usize) -> String {
        let (name, past, id) = (&self.name, self.past(now), self.layout.id);
        let behind = after.map_or_else(String::new, |after| format!(" WHERE {id}>{}", self.literal(after)));
        format!("SELECT {id},IF({past},1,0) FROM {name}{behind} ORDER BY {id} LIMIT {limit}")
    }

    /// Deletes those of `ids` that have expired still.
    pub(super) fn delete_expired<'i>(&self, ids: impl Iterator<Item = SessionId<'i>>, now: i64) -> String {
        let pieces: Vec<String> = ids.map(|id| self.ended(id)).collect();
        let (name, past) = (&self.name, self.past(now));
        match self.exact {
            true => format!("DELETE FROM {name} WHERE {} IN ({}) AND {past}", self.layout.id, pieces.join(",")),
            false => format!("DELETE FROM {name} WHERE ({}) AND {past}", pieces.join(" OR ")),
        }
    }

    /// The session in the fields that [`Table::read`] asks for: payload, unless it is known, and expiry. `None`: it is
    /// damaged.
    pub(super) fn decode(&self, fields: &[Option<Vec<u8>>]) -> Option<(Option<Vec<u8>>, Expiry)> {
        let [Some(expires), payload] = fields else { return None };
        let expires = Expiry(std::str::from_utf8(expires).ok()?.parse().ok()?);
        let decode = |payload: &Vec<u8>| match self.layout.coding {
            Coding::Base64 => BASE64.decode(payload).ok(),
            Coding::Raw => Some(payload.clone()),
        };
        match payload {
            None => Some((None, expires)),
            Some(payload) => decode(payload).map(|payload| (Some(payload), expires)),
        }
    }

    /// An ended session's part in a statement.
    fn ended(&self, id: SessionId<'_>) -> String {
        if self.exact { self.literal(id) } else { format!("({})", self.is(id)) }
    }

    /// The id, such that an index on its column serves a comparison: without a character set it would be compared by
    /// bytes, which an index by another order is of no use for.
    pub(super) fn literal(&self, id: SessionId<'_>) -> String {
        let id = String::from_utf8_lossy(id.as_bytes());
        if self.exact { format!("'{id}'") } else { format!("_ascii'{id}'") }
    }

    /// The condition of the row of a session. To a collation that knows no case, two different ids are equal.
    fn is(&self, id: SessionId<'_>) -> String {
        let (column, literal) = (self.layout.id, self.literal(id));
        if self.exact {
            return format!("{column}={literal}");
        }
        format!("{column}={literal} AND CAST({column} AS BINARY)=CAST({literal} AS BINARY)")
    }

    pub(super) fn expires(&self) -> String {
        self.layout.clock.expires(self.lifetime)
    }

    fn past(&self, now: i64) -> String {
        self.layout.clock.is_past(self.lifetime, now)
    }

    pub(super) fn alive(&self, now: i64) -> String {
        format!("NOT ({})", self.past(now))
    }

    /// The payload as a field.
    fn payload(&self, known: Option<Version>) -> String {
        let payload = self.layout.payload;
        match known.filter(|_| self.is_own()) {
            None => payload.to_owned(),
            Some(version) => format!("IF(version={},NULL,{payload})", hex(version)),
        }
    }

    /// The mark of a lease, where there is a column for it.
    fn mark(&self, hold: Option<&Hold>) -> Option<(&'static str, String)> {
        hold.filter(|_| self.is_own()).map(|hold| ("lease", hold.mark.to_string()))
    }

    /// The columns that change with a session.
    fn changing(&self) -> Vec<&'static str> {
        let mut columns = vec![self.layout.payload];
        columns.extend(self.layout.clock.columns());
        columns.extend(self.is_own().then_some("version"));
        columns
    }

    /// What a row that holds `record` has in each of them.
    fn changed(&self, record: &Record<'_>, now: i64) -> Vec<String> {
        let payload = match self.layout.coding {
            Coding::Base64 => {
                let mut text = String::with_capacity(record.payload.len() / 3 * 4 + 6);
                text.push('\'');
                BASE64.encode_string(&record.payload, &mut text);
                text.push('\'');
                text
            }
            Coding::Raw => hexadecimal(&record.payload),
        };
        let mut values = vec![payload];
        values.extend(self.layout.clock.values(self.lifetime, record.expires, now));
        values.extend(self.is_own().then(|| hex(record.version)));
        values
    }

    fn set(&self, id: SessionId<'_>, columns: &[(&str, String)], guard: &str) -> String {
        let length: usize = columns.iter().map(|(_, value)| value.len() + 20).sum();
        let mut sql = String::with_capacity(length + 800);
        let _ = write!(sql, "UPDATE {} SET ", self.name);
        for (number, (column, value)) in columns.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(sql, "{comma}{column}={value}");
        }
        let _ = write!(sql, " WHERE {}{guard}", self.is(id));
        sql
    }

    fn row_names(&self, known: Known) -> String {
        let mut names = vec![self.layout.id];
        names.extend(self.changing());
        names.extend(self.visitor.names(known));
        names.extend(self.layout.others.iter().map(|(name, _)| *name));
        if self.is_own() {
            names.extend(["created", "lease"]);
        }
        names.join(",")
    }

    /// A row of the columns [`Table::row_names`] for its visitor.
    fn row(&self, id: SessionId<'_>, record: &Record<'_>, now: i64, hold: Option<&Hold>) -> String {
        let mut values = vec![self.literal(id)];
        values.extend(self.changed(record, now));
        values.extend(self.visitor.values(&record.visitor));
        values.extend(self.layout.others.iter().map(|(_, value)| (*value).to_owned()));
        if self.is_own() {
            values.push(now.to_string());
            values.push(hold.map_or_else(|| "NULL".to_owned(), |hold| hold.mark.to_string()));
        }
        values.join(",")
    }

    /// How a row that is made writes over the one that is there. `known`: what it has of the visitor's columns.
    fn replacing(&self, known: Known, now: i64) -> String {
        let mut sql = " ON DUPLICATE KEY UPDATE ".to_owned();
        // The expiry comes after those that look at the old one: assignments are made from left to right.
        let past = self.past(now);
        if self.is_own() {
            let _ = write!(sql, "created=IF({past},VALUES(created),created),lease=VALUES(lease),");
        }
        sql.push_str(&self.visitor.replacing(known, &past));
        for (column, value) in self.layout.others {
            let _ = write!(sql, "{column}=IF({past},{value},{column}),");
        }
        if !self.exact {
            // The column cannot be NULL, so this fails where the row is that of an id which only looks equal.
            let id = self.layout.id;
            let _ = write!(sql, "{id}=IF(CAST({id} AS BINARY)=CAST(VALUES({id}) AS BINARY),{id},NULL),");
        }
        let columns: Vec<String> =
            self.changing().into_iter().map(|column| format!("{column}=VALUES({column})")).collect();
        sql + &columns.join(",")
    }
}

/// The condition of statements under a lease.
fn guard(hold: Option<&Hold>) -> &str {
    hold.map_or("", |hold| &hold.guard)
}

/// The version as a literal.
fn hex(version: Version) -> String {
    format!("x'{:032x}'", version.0)
}

/// Bytes as a literal, which knows no character set.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len() + 3);
    text.push_str("x'");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text.push('\'');
    text
}
