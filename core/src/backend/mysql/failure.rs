//! What a server answers when it does not do what it was asked, sorted by what follows from it, and said so that an
//! operator knows what to do.
//!
//! Numbers are those of the servers' own lists (MySQL "Server Error Message Reference", MariaDB "Error Codes"). No
//! message of the crate or of a server repeats a password; those that may repeat a session id or a piece of a payload
//! are left out.

use std::io;

use mysql::DriverError;

use crate::error::{Error, ErrorKind};
use crate::server::Server;

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The connection is gone, and with it every lock it held.
    Closed,
    /// No answer came in time; whether the server did what it was asked is not known.
    Silent,
    /// The server is there, but not for this: it is read-only, or a node without its cluster. Nothing was done.
    Unfit,
    /// Others were in the way (a deadlock, a lock on a row): worth another try.
    Busy,
    /// The table is not there.
    NoTable,
    /// The row exists.
    Duplicate,
    /// None of these.
    Other,
}

/// A failure.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    pub(super) error: Error,
}

impl Failure {
    /// A failure that the server did not report.
    pub(super) fn other(kind: ErrorKind, message: String) -> Failure {
        Failure { cause: Cause::Other, error: Error::new(kind, message) }
    }

    /// The server takes no changes.
    pub(super) fn read_only(server: &Server, text: &str) -> Failure {
        let message =
            format!("{server} is read-only: {text}; name the primary server in rustdb.store, or let it be written to");
        Failure { cause: Cause::Unfit, error: Error::new(ErrorKind::Refused, message) }
    }

    /// A session of `bytes` is longer than a statement may be, which is `room`.
    pub(super) fn too_large(server: &Server, bytes: usize, room: usize) -> Failure {
        Failure::other(
            ErrorKind::Refused,
            format!(
                "a session of {bytes} bytes is too large for {server}, which takes statements of {room}; raise \
                 max_allowed_packet there, or keep less in the session; its last stored state stays"
            ),
        )
    }

    /// What `error`, which the crate reports, means.
    pub(super) fn of(server: &Server, error: mysql::Error) -> Failure {
        use ErrorKind::{Refused, Unreachable};
        let of = |cause, kind, message: String| Failure { cause, error: Error::new(kind, message) };
        match error {
            mysql::Error::MySqlError(error) => refused(server, error.code, &error.message),
            mysql::Error::IoError(error) => lost(server, &error),
            mysql::Error::CodecError(mysql_codec) => match io_error_of(&mysql_codec) {
                Some(error) => lost(server, error),
                None => of(
                    Cause::Closed,
                    Unreachable,
                    format!("what {server} sends is not the protocol of MySQL ({mysql_codec}); see what answers there"),
                ),
            },
            mysql::Error::DriverError(DriverError::ConnectTimeout | DriverError::Timeout) => of(
                Cause::Silent,
                Unreachable,
                format!(
                    "cannot connect to {server} within {} seconds (connect_timeout); see whether the server runs and \
                     what the network between drops",
                    server.connect_timeout.as_secs_f64()
                ),
            ),
            mysql::Error::DriverError(DriverError::CouldNotConnect(what)) => {
                let what = what.map_or_else(String::new, |(_, description, _)| format!(": {description}"));
                of(
                    Cause::Other,
                    Unreachable,
                    format!("cannot connect to {server}{what}; see whether the server runs and listens there"),
                )
            }
            mysql::Error::DriverError(DriverError::TlsNotSupported) => of(
                Cause::Other,
                Refused,
                format!("{server} offers no TLS, which rustdb.store asks for; set up TLS there, or leave out tls=1"),
            ),
            mysql::Error::DriverError(error) => {
                of(Cause::Other, Refused, format!("cannot log in to {server}: {error}; see how its user is to log in"))
            }
            mysql::Error::TlsError(error) => no_tls(server, &error),
            error => of(Cause::Other, Refused, format!("{server} answers what was not asked: {error}")),
        }
    }
}

/// The input or output error below a damaged stream of packets.
fn io_error_of<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e io::Error> {
    error.downcast_ref().or_else(|| error.source().and_then(io_error_of))
}

fn no_tls(server: &Server, error: &dyn std::error::Error) -> Failure {
    Failure::other(
        ErrorKind::Refused,
        format!(
            "no TLS connection to {server}: {error}; name the authority of its certificate by ca=, and the host as the \
             certificate does"
        ),
    )
}

fn lost(server: &Server, error: &io::Error) -> Failure {
    // As rustls::Stream reports what it finds wrong with the other side.
    if error.kind() == io::ErrorKind::InvalidData {
        return no_tls(server, error);
    }
    // A read that runs into SO_RCVTIMEO ends with EAGAIN (socket(7)).
    if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
        let seconds = server.timeout.as_secs_f64();
        return Failure {
            cause: Cause::Silent,
            error: Error::new(
                ErrorKind::Unreachable,
                format!("{server} did not answer within {seconds} seconds (timeout); see whether the server hangs"),
            ),
        };
    }
    let message = format!("the connection to {server} broke: {error}; see whether the server was restarted");
    Failure { cause: Cause::Closed, error: Error::new(ErrorKind::Unreachable, message) }
}

fn refused(server: &Server, code: u16, text: &str) -> Failure {
    use ErrorKind::{Full, Internal, Refused, Unreachable};
    let (cause, kind, what) = match code {
        1044 | 1045 | 1698 => (
            Cause::Other,
            Refused,
            format!(
                "{server} does not let the user in: {text}; check user and password in rustdb.store, and the user's \
                 rights"
            ),
        ),
        1049 => (
            Cause::Other,
            Refused,
            format!("{server} has no such database: {text}; create it, or correct rustdb.store"),
        ),
        1142 | 1143 | 1227 | 1370 => (
            Cause::Other,
            Refused,
            format!(
                "the user of {server} lacks a right: {text}; it needs SELECT, INSERT, UPDATE and DELETE on the table \
                 of sessions"
            ),
        ),
        1209 | 1290 | 1792 | 1836 => return Failure::read_only(server, text),
        1047 => (
            Cause::Unfit,
            Unreachable,
            format!(
                "{server} is a node that has lost its cluster, or is not ready yet: {text}; see wsrep_cluster_status and \
                 wsrep_local_state_comment there"
            ),
        ),
        // 1030 and 3 wrap an error of the operating system: 28 is ENOSPC, 122 is EDQUOT.
        1021 | 1026 | 1114 => (Cause::Other, Full, format!("{server} has no room left: {text}; free space there")),
        1030 | 3 if text.contains("28") || text.contains("122") => {
            (Cause::Other, Full, format!("{server} has no room left: {text}; free space there"))
        }
        1037 | 1038 | 1041 => (Cause::Other, Full, format!("{server} is out of memory: {text}")),
        1040 | 1203 | 1226 => (
            Cause::Other,
            Refused,
            format!("{server} takes no more connections: {text}; raise its limit, or run fewer PHP processes"),
        ),
        1129 | 1130 => (Cause::Other, Refused, format!("{server} takes no connections from this machine: {text}")),
        1153 | 1406 => {
            (Cause::Other, Refused, format!("a session is too large for {server}: {text}; its last stored state stays"))
        }
        // 3101: a member of a replication group undid a transaction that another one had been faster than.
        1205 | 1213 | 3101 => (
            Cause::Busy,
            Refused,
            format!("others kept {server} from changing the table of sessions: {text}; see what locks it for so long"),
        ),
        1146 => (Cause::NoTable, Refused, format!("{server} lost the table of sessions: {text}")),
        1062 => (Cause::Duplicate, Refused, format!("{server} has a session of this id")),
        // A shutdown, a kill, an idle connection ended (4031: MySQL 8.0.24), a commit that the cluster did not take.
        1053 | 1180 | 1152 | 1158..=1161 | 1317 | 1927 | 4031 => {
            (Cause::Closed, Unreachable, format!("{server} ended the connection: {text}; see whether it was restarted"))
        }
        1064 => (Cause::Other, Internal, format!("{server} does not understand a statement of rustdb's (error 1064)")),
        // Made to happen by Table::replacing.
        1048 => (
            Cause::Other,
            Refused,
            format!("{server} takes ids for equal that differ in case only, so a session was not stored"),
        ),
        1292 | 1366 => (
            Cause::Other,
            Refused,
            format!(
                "{server} cannot keep a session in the column it has for it (error {code}); its last stored state stays"
            ),
        ),
        _ => (Cause::Other, Refused, format!("{server} refuses: {text} (error {code})")),
    };
    Failure { cause, error: Error::new(kind, what) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_never_repeats_what_may_be_a_session() {
        let server = Server::parse("mysql://u:secret@h/db").unwrap().unwrap();
        for code in [1062, 1064, 1292, 1366] {
            let message = refused(&server, code, "near 'account|a:1'").error.to_string();
            assert!(!message.contains("account"), "{message}");
            assert!(message.contains("mysql://u@h:3306/db"), "{message}");
        }
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let server = Server::parse("mysql://u@h/db").unwrap().unwrap();
        let text = "Got error 28 \"No space left on device\" from storage engine InnoDB";
        assert_eq!(refused(&server, 1030, text).error.kind(), ErrorKind::Full);
        assert_eq!(refused(&server, 1030, "Got error 168 from storage engine").error.kind(), ErrorKind::Refused);
    }
}
