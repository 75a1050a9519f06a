//! Whose table it is: what its columns are called, how a payload stands in it, and how it says when a session ends.
//!
//! Five programs call their table `sessions`, so the columns tell whose it is, and `?layout=` in `rustdb.store` says it
//! where they could be misread. What rustdb writes is what the owner would have written, and the other way round.

use crate::record::Expiry;

/// The table of one program.
#[derive(Debug)]
pub(super) struct Layout {
    /// What `?layout=` calls it.
    pub(super) name: &'static str,
    /// The columns by which it is recognised.
    pub(super) columns: &'static [&'static str],
    pub(super) id: &'static str,
    pub(super) payload: &'static str,
    pub(super) coding: Coding,
    pub(super) clock: Clock,
    /// Columns that only the owner fills in, and what a new session has there, also one that takes the row of an expired
    /// one.
    pub(super) others: &'static [(&'static str, &'static str)],
    /// Columns for the user, the address and the browser, where a table has them.
    pub(super) visitor: [Option<&'static str>; 3],
}

/// How a payload stands in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// In base64.
    Base64,
    /// As it is.
    Raw,
}

/// How a table says when a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// By the last second of the session.
    Expires,
    /// By the second in which it was used last.
    LastActivity,
    /// By the moment in which it was used last, as a `timestamp`.
    Timestamp,
    /// As Symfony's PdoSessionHandler does: by the last second, and in old rows by a lifetime.
    Symfony,
}

/// What is our own table.
pub(super) const OWN: &Layout = &LAYOUTS[0];

/// The tables that rustdb knows.
pub(super) static LAYOUTS: [Layout; 4] = [
    Layout {
        name: "rustdb",
        columns: &["id", "payload", "expires", "version", "lease", "created", "user_id", "ip", "user_agent"],
        id: "id",
        payload: "payload",
        coding: Coding::Base64,
        clock: Clock::Expires,
        others: &[],
        visitor: [Some("user_id"), Some("ip"), Some("user_agent")],
    },
    // UserFrosting 4 to 6, too, which keeps PHP's session string where Laravel keeps a serialized array.
    Layout {
        name: "laravel",
        columns: &["id", "user_id", "ip_address", "user_agent", "payload", "last_activity"],
        id: "id",
        payload: "payload",
        coding: Coding::Base64,
        clock: Clock::LastActivity,
        others: &[],
        visitor: [Some("user_id"), Some("ip_address"), Some("user_agent")],
    },
    // SessionHandlerDB.
    Layout {
        name: "processwire",
        columns: &["id", "user_id", "pages_id", "data", "ts"],
        id: "id",
        payload: "data",
        coding: Coding::Raw,
        clock: Clock::Timestamp,
        others: &[("pages_id", "0")],
        visitor: [Some("user_id"), Some("ip"), Some("ua")],
    },
    // PdoSessionHandler.
    Layout {
        name: "symfony",
        columns: &["sess_id", "sess_data", "sess_lifetime", "sess_time"],
        id: "sess_id",
        payload: "sess_data",
        coding: Coding::Raw,
        clock: Clock::Symfony,
        others: &[],
        visitor: [None; 3],
    },
];

/// Symfony's older versions kept a lifetime in `sess_lifetime`; up to this value it still is one
/// (`PdoSessionHandler::MAX_LIFETIME`, ten years).
const OLD_LIFETIMES: u64 = 315_576_000;

impl Clock {
    /// The column that the index is on.
    pub(super) fn column(self) -> &'static str {
        self.columns()[0]
    }

    /// Whether it counts from the last use, so that a lifetime has to be known.
    pub(super) fn needs_lifetime(self) -> bool {
        matches!(self, Clock::LastActivity | Clock::Timestamp)
    }

    /// The last second of a session, as an expression.
    pub(super) fn expires(self, lifetime: i64) -> String {
        match self {
            Clock::Expires => "expires".to_owned(),
            Clock::LastActivity => format!("last_activity+{lifetime}"),
            Clock::Timestamp => format!("UNIX_TIMESTAMP(ts)+{lifetime}"),
            Clock::Symfony => format!("IF(sess_lifetime>{OLD_LIFETIMES},sess_lifetime,sess_time+sess_lifetime)"),
        }
    }

    /// The condition of a session that is over, such that an index on [`Clock::column`] serves it.
    pub(super) fn is_past(self, lifetime: i64, now: i64) -> String {
        let used = now.saturating_sub(lifetime);
        match self {
            Clock::Expires => format!("expires<{now}"),
            Clock::LastActivity => format!("last_activity<{used}"),
            Clock::Timestamp => format!("ts<FROM_UNIXTIME({})", used.max(0)),
            Clock::Symfony => format!("(sess_lifetime<{now} AND {}<{now})", self.expires(lifetime)),
        }
    }

    /// The columns that it is written to.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Clock::Expires => &["expires"],
            Clock::LastActivity => &["last_activity"],
            Clock::Timestamp => &["ts"],
            Clock::Symfony => &["sess_lifetime", "sess_time"],
        }
    }

    /// What a row with this expiry has in each of them.
    pub(super) fn values(self, lifetime: i64, expires: Expiry, now: i64) -> Vec<String> {
        let used = expires.0.saturating_sub(lifetime);
        match self {
            Clock::Expires => vec![expires.0.to_string()],
            Clock::LastActivity => vec![used.to_string()],
            Clock::Timestamp => vec![format!("FROM_UNIXTIME({used})")],
            Clock::Symfony => vec![expires.0.to_string(), now.to_string()],
        }
    }
}
