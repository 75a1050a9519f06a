//! The table of sessions: how it is made, and how it is recognised.

use super::connection::Connection;
use super::failure::{Cause, Failure};
use super::layout::{Coding, LAYOUTS, Layout, OWN};
use super::target::Target;
use super::visitors::Columns;
use super::widen::Payload;
use crate::error::{Error, ErrorKind};
use crate::record::{Record, SessionId};

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
/// - `user_id`, `ip` (an IPv6 address too) and `user_agent`: of the visitor, where they are known. All sessions of a user
///   are found by the index.
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
  KEY `expires` (`expires`),
  KEY `user_id` (`user_id`)
) ENGINE=InnoDB";

/// A column as the server describes it.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) collation: String,
    pub(super) characters: u64,
    pub(super) bytes: u64,
    pub(super) nullable: bool,
    /// Whether it is the first column of an index.
    pub(super) indexed: bool,
    /// Whether the server computes it.
    pub(super) generated: bool,
    /// Whether it takes only what another table has (a foreign key).
    pub(super) refers: bool,
}

/// A table of sessions that was looked at.
#[derive(Debug)]
pub(super) struct Table {
    /// The name in backquotes.
    pub(super) name: String,
    /// Whose table it is.
    pub(super) layout: &'static Layout,
    /// How long a session lives after its last use, where the table has to be told.
    pub(super) lifetime: i64,
    /// Whether ids are compared by bytes.
    pub(super) exact: bool,
    /// Whether garbage collection can go by an index.
    pub(super) indexed: bool,
    /// The column of payloads.
    pub(super) payload: Payload,
    /// The columns that tell of the visitor.
    pub(super) visitor: Columns,
    /// The longest id that its column takes.
    longest_id: u64,
    /// For messages: which table, and where.
    place: String,
}

/// The statement that makes the table of `target`.
fn ddl(target: &Target) -> String {
    DDL.replacen("`sessions`", &format!("`{}`", target.table), 1)
}

fn refused(message: String) -> Failure {
    Failure::other(ErrorKind::Refused, message)
}

impl Table {
    /// Looks at the table, and makes it if it is not there.
    pub(super) fn find(connection: &mut Connection, target: &Target) -> Result<Table, Failure> {
        let mut columns = columns(connection, target)?;
        if columns.is_empty() && !target.as_found && target.layout.is_none_or(|layout| layout.name == OWN.name) {
            let ddl = ddl(target);
            connection.run(&ddl).map_err(|failure| not_made(target, &target.table, &ddl, failure))?;
            columns = self::columns(connection, target)?;
        }
        recognise(target, &columns)
    }

    /// Whether it is rustdb's own.
    pub(super) fn is_own(&self) -> bool {
        std::ptr::eq(self.layout, OWN)
    }

    /// Refuses a session that its columns would not take whole.
    pub(super) fn check(&self, id: SessionId<'_>, record: Option<&Record<'_>>) -> Result<(), Failure> {
        let (longest, length) = (self.longest_id, id.as_bytes().len());
        if length as u64 > longest {
            return Err(refused(format!(
                "a session id of {length} characters is too long for {}, which takes {longest}; lower \
                 session.sid_length",
                self.place
            )));
        }
        let bytes = record.map_or(0, |record| record.payload.len());
        if bytes as u64 <= self.payload.capacity {
            return Ok(());
        }
        Err(refused(format!(
            "a session of {bytes} bytes is too large for the column {} of {}, which takes {}; make it longtext or \
             longblob, or let rustdb do so by widen=1 in rustdb.store, or keep less in the session; its last stored \
             state stays",
            self.layout.payload, self.place, self.payload.capacity
        )))
    }

    /// The failure of a session in a row that cannot be read.
    pub(super) fn unreadable(&self) -> Error {
        Error::new(
            ErrorKind::Damaged,
            format!(
                "a session in {} is not base64 with a number for its expiry, so something else wrote it; nothing was \
                 changed; see what writes to the table, or delete the row",
                self.place
            ),
        )
    }
}

fn columns(connection: &mut Connection, target: &Target) -> Result<Vec<Column>, Failure> {
    let mut answers = connection.run(&format!(
        "SELECT column_name,column_type,collation_name,character_maximum_length,character_octet_length,column_key,\
         is_nullable,extra \
         FROM information_schema.columns WHERE table_schema=DATABASE() AND table_name='{table}' \
         ORDER BY ordinal_position;\
         SELECT LOWER(column_name) FROM information_schema.key_column_usage WHERE table_schema=DATABASE() \
         AND table_name='{table}' AND referenced_table_name IS NOT NULL",
        table = target.table
    ))?;
    let text = |field: Option<&Option<Vec<u8>>>| {
        field.and_then(Option::as_deref).map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    };
    let referring: Vec<String> =
        answers.pop().into_iter().flat_map(|answer| answer.rows).map(|row| text(row.first())).collect();
    let column = |row: Vec<Option<Vec<u8>>>| Column {
        name: text(row.first()).to_ascii_lowercase(),
        kind: text(row.get(1)),
        collation: text(row.get(2)),
        characters: text(row.get(3)).parse().unwrap_or(0),
        bytes: text(row.get(4)).parse().unwrap_or(0),
        indexed: !text(row.get(5)).is_empty(),
        nullable: text(row.get(6)) == "YES",
        // "VIRTUAL GENERATED", "STORED GENERATED"; a default that is computed is said to be "DEFAULT_GENERATED".
        generated: text(row.get(7)).contains(" GENERATED"),
        refers: referring.contains(&text(row.first()).to_ascii_lowercase()),
    };
    Ok(answers.remove(0).rows.into_iter().map(column).collect())
}

fn recognise(target: &Target, columns: &[Column]) -> Result<Table, Failure> {
    let column = |name: &str| columns.iter().find(|column| column.name == name);
    let known = LAYOUTS.iter().filter(|layout| target.layout.is_none_or(|wanted| wanted.name == layout.name));
    let fitting = known.filter(|layout| layout.columns.iter().all(|name| column(name).is_some()));
    for layout in fitting {
        let (Some(id), Some(payload)) = (column(layout.id), column(layout.payload)) else { continue };
        let exact = id.kind.starts_with("varbinary") || id.kind.starts_with("binary") || id.collation.ends_with("_bin");
        let versioned = column("version").is_some_and(|version| version.kind == "binary(16)");
        let ours = exact && id.characters >= 256 && versioned;
        if payload.bytes == 0 || (std::ptr::eq(layout, OWN) && !ours) {
            continue;
        }
        let lifetime = match (layout.clock.needs_lifetime(), target.lifetime) {
            (false, _) => 0,
            (true, Some(lifetime)) => lifetime,
            (true, None) => return Err(no_lifetime(target, layout)),
        };
        let capacity = match layout.coding {
            // Base64 makes four bytes of three.
            Coding::Base64 => payload.bytes / 4 * 3,
            Coding::Raw => payload.bytes,
        };
        return Ok(Table {
            name: format!("`{}`", target.table),
            layout,
            lifetime,
            exact,
            indexed: column(layout.clock.column()).is_some_and(|column| column.indexed),
            payload: Payload {
                kind: payload.kind.clone(),
                collation: payload.collation.clone(),
                nullable: payload.nullable,
                capacity,
            },
            visitor: Columns::of(layout.visitor, column),
            longest_id: id.characters,
            place: format!("the table {} of {}", target.table, target.server),
        });
    }
    Err(unknown(target, columns))
}

fn no_lifetime(target: &Target, layout: &Layout) -> Failure {
    refused(format!(
        "the table {} of {} is {}'s, whose rows say when they were used last and not when they end; add \
         lifetime=SECONDS to rustdb.store, the lifetime of a session in that application",
        target.table, target.server, layout.name
    ))
}

fn unknown(target: &Target, columns: &[Column]) -> Failure {
    let (table, server) = (&target.table, &target.server);
    if columns.is_empty() {
        return refused(format!("{server} has no table {table}, or shows none to its user"));
    }
    let found: Vec<String> = columns.iter().map(|column| format!("{} {}", column.name, column.kind)).collect();
    let own = DDL.lines().filter_map(|line| line.trim().strip_prefix('`'));
    let own: Vec<String> = own.map(|line| line.trim_end_matches(',').replacen('`', "", 1)).collect();
    let others: Vec<String> =
        LAYOUTS[1..].iter().map(|layout| format!("{} ({})", layout.name, layout.columns.join(", "))).collect();
    refused(format!(
        "the table {table} of {server} is not one that rustdb knows; it has the columns {}; those of rustdb's own are \
         {}; those of others are {}; name another table by table= in rustdb.store",
        found.join(", "),
        own.join(", "),
        others.join(", ")
    ))
}

/// What to say when the table `table` could not be made by `ddl`.
pub(super) fn not_made(target: &Target, table: &str, ddl: &str, failure: Failure) -> Failure {
    if failure.cause != Cause::Other || failure.error.kind() != ErrorKind::Refused {
        return failure;
    }
    refused(format!(
        "the table {table} is missing and cannot be made: {}; as a user who may, run in the database {}: {ddl};",
        failure.error, target.server.database
    ))
}

/// Whether there is such a table.
pub(super) fn exists(connection: &mut Connection, table: &str) -> Result<bool, Failure> {
    let answers = connection.run(&format!(
        "SELECT 1 FROM information_schema.tables WHERE table_schema=DATABASE() AND table_name='{table}'"
    ))?;
    Ok(answers[0].is_one())
}
