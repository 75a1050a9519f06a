//! The keys of a session.
//!
//! ```text
//! PREFIX id          the session: a plain string, PHP's session string to the byte, with a TTL
//! PREFIX id _LOCK    its lock: the text of whoever has it, with a TTL
//! PREFIX id _GONE    its tombstone: it was destroyed a moment ago
//! PREFIX id _WAIT    somebody waits for its lock
//! PREFIX id _NEXT    the list on which those sleep
//! PREFIX _OWNER      the one machine that uses the store, where it said that it is the only one
//! ```
//! The first two are as phpredis has them (redis_session.c: `redis_session_key`, `lock_acquire`), so that both can be
//! used side by side; phpredis has no others. An id has no `_`, so no key is another session's.

use crate::record::SessionId;

/// What phpredis puts before an id (`REDIS_SESSION_PREFIX` in its redis_session.c).
pub const DEFAULT_PREFIX: &str = "PHPREDIS_SESSION:";

/// The names of keys.
#[derive(Debug)]
pub struct Keys {
    prefix: Vec<u8>,
}

impl Keys {
    /// Keys that begin with `prefix`.
    pub fn new(prefix: &str) -> Keys {
        Keys { prefix: prefix.as_bytes().to_vec() }
    }

    fn key(&self, id: &[u8], suffix: &[u8]) -> Vec<u8> {
        [&self.prefix, id, suffix].concat()
    }

    /// The session.
    pub fn session(&self, id: SessionId<'_>) -> Vec<u8> {
        self.key(id.as_bytes(), b"")
    }

    /// Its lock.
    pub fn lock(&self, id: SessionId<'_>) -> Vec<u8> {
        self.lock_of(id.as_bytes())
    }

    /// The lock of a session whose id was checked before.
    pub fn lock_of(&self, id: &[u8]) -> Vec<u8> {
        self.key(id, b"_LOCK")
    }

    /// The mark that somebody waits for its lock.
    pub fn wait(&self, id: SessionId<'_>) -> Vec<u8> {
        self.key(id.as_bytes(), b"_WAIT")
    }

    /// The list on which those sleep.
    pub fn next(&self, id: SessionId<'_>) -> Vec<u8> {
        self.key(id.as_bytes(), b"_NEXT")
    }

    /// The record of the store's owner.
    pub fn owner(&self) -> Vec<u8> {
        self.key(b"", b"_OWNER")
    }

    /// All of a session's, in the order of the list above.
    pub fn all(&self, id: SessionId<'_>) -> Vec<Vec<u8>> {
        vec![self.session(id), self.lock(id), self.key(id.as_bytes(), b"_GONE"), self.wait(id), self.next(id)]
    }
}
