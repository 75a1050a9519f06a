//! What can go wrong, said so that an operator knows what to do.
//!
//! Expected outcomes (no such session, lock not free, destroyed meanwhile) are values of the calls
//! that can have them; an [`Error`] is always something a person has to look at.

use std::fmt;

/// The result of a call that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, with a message for the operator: what failed, where, and what to do. It never holds a password.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The cause of an [`Error`], for code that reacts to it; also the key by which repeated log lines are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting has a value that is not allowed.
    Config,
    /// A session id is empty, too long, or has characters that are not allowed.
    InvalidId,
    /// A directory or file is missing, cannot be made, or belongs to someone else.
    Directory,
    /// The store is in use by processes that cannot share it with this one.
    InUse,
    /// A deleted session buffer still has changes, which one of the processes that have it open is about to carry over.
    Draining,
    /// The session stayed locked for longer than the wait that is allowed.
    LockTimeout,
    /// A file is damaged.
    Damaged,
    /// The store, or the disk below it, has no room left.
    Full,
    /// The operating system refused something else.
    Io,
    /// A newly made session id exists already.
    Collision,
    /// The server of the store cannot be reached, or did not answer in time.
    Unreachable,
    /// The server of the store refused: rights, a table, a version, no memory.
    Refused,
    /// The lock of the session was lost to somebody else while the request ran.
    LeaseLost,
    /// A mistake in rustdb itself.
    Internal,
}

impl Error {
    /// A new error; `message` is shown to the operator as it is.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into() }
    }

    /// An error of the operating system: `what` says what was tried, on which file.
    #[cold]
    pub fn io(what: impl fmt::Display, cause: &std::io::Error) -> Self {
        let kind = match cause.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => ErrorKind::Full,
            _ => ErrorKind::Io,
        };
        Error { kind, message: format!("{what}: {cause}") }
    }

    /// The same of another setting than the one that is named in the message.
    pub(crate) fn about(self, named: &str, meant: &str) -> Self {
        Error { message: self.message.replace(named, meant), ..self }
    }

    /// The cause.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
