//! What a session is to a store: an id, opaque bytes, the moment it expires, and who used it last.

use std::borrow::Cow;

use twox_hash::{XxHash3_64, XxHash3_128};

use crate::error::{Error, ErrorKind, Result};
use crate::visitor::Visitor;

/// The longest session id PHP accepts (`PS_MAX_SID_LENGTH` in ext/session/session.c).
pub const MAX_ID_LENGTH: usize = 256;

/// The lifetime used where the one given is zero or negative: PHP's own default of `session.gc_maxlifetime`.
pub const DEFAULT_LIFETIME: u64 = 1440;

/// The longest lifetime, 100 years: keeps every sum with a clock far from overflow.
pub const MAX_LIFETIME: u64 = 100 * 365 * 86_400;

/// A session id that is safe in a key, a path and a statement: 1 to 256 bytes of `A-Z a-z 0-9 , -`,
/// the characters PHP itself allows (`php_session_valid_key`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId<'a>(&'a [u8]);

impl<'a> SessionId<'a> {
    /// Checks the bytes of an id as it came from a visitor.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidId`]; the message does not repeat the id, which may be hostile or secret.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        if bytes.is_empty() || bytes.len() > MAX_ID_LENGTH {
            return Err(Error::new(
                ErrorKind::InvalidId,
                format!("the session id has {} bytes; 1 to {MAX_ID_LENGTH} are allowed", bytes.len()),
            ));
        }
        if !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b',' | b'-')) {
            return Err(Error::new(
                ErrorKind::InvalidId,
                "the session id contains illegal characters; only A-Z, a-z, 0-9, \"-\" and \",\" are allowed",
            ));
        }
        Ok(SessionId(bytes))
    }

    /// The bytes of the id.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// A 64-bit hash for places that need a number: lock offsets and wait queues.
    pub fn hash(self) -> u64 {
        XxHash3_64::oneshot(self.0)
    }
}

/// The content of a payload, as a 128-bit hash. Never a counter: counters start again after a destroy, and other
/// programs that write the same table or key never raise them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u128);

impl Version {
    /// The version of a payload.
    pub fn of(payload: &[u8]) -> Self {
        Version(XxHash3_128::oneshot(payload))
    }
}

/// The last second, since 1970, in which a session still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry(pub i64);

impl Expiry {
    /// `lifetime` seconds after `now`.
    pub fn after(now: i64, lifetime: u64) -> Self {
        Expiry(now.saturating_add(lifetime.min(MAX_LIFETIME) as i64))
    }

    /// Whether the session is over at `now`.
    pub fn is_past(self, now: i64) -> bool {
        now > self.0
    }
}

/// The lifetime in seconds meant by a number that an application or php.ini gave.
pub fn lifetime_of(seconds: i64) -> u64 {
    match u64::try_from(seconds) {
        Ok(0) | Err(_) => DEFAULT_LIFETIME,
        Ok(seconds) => seconds.min(MAX_LIFETIME),
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    // SAFETY: with a null pointer time(2) only returns the time. It costs a tenth of clock_gettime, whose nanoseconds
    // nobody needs here.
    unsafe { libc::time(std::ptr::null_mut()) }
}

/// A session as a store keeps it. The payload is PHP's session string, which no store looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// PHP's session string.
    pub payload: Cow<'a, [u8]>,
    /// The version of `payload`.
    pub version: Version,
    /// When the session ends.
    pub expires: Expiry,
    /// Who used it last. Reading from a store that keeps no such thing, or does not send it, it is unknown; writing, what
    /// is unknown stays as the store has it.
    pub visitor: Visitor<'a>,
}

impl<'a> Record<'a> {
    /// A record of `payload`.
    pub fn new(payload: impl Into<Cow<'a, [u8]>>, expires: Expiry) -> Self {
        let payload = payload.into();
        Record::of_version(Version::of(&payload), payload, expires)
    }

    /// The same where the payload's version is known.
    pub fn of_version(version: Version, payload: impl Into<Cow<'a, [u8]>>, expires: Expiry) -> Self {
        Record { payload: payload.into(), version, expires, visitor: Visitor::UNKNOWN }
    }

    /// The same, keeping nothing of what it was made of.
    pub fn into_owned(self) -> Record<'static> {
        Record { payload: self.payload.into_owned().into(), visitor: self.visitor.into_owned(), ..self }
    }
}
