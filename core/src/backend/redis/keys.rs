//! The keys of a session.
//!
//! ```text
//! PREFIX id          the session: a plain string, PHP's session string to the byte, with a TTL
//! PREFIX id _LOCK    its lock: the text of whoever has it, with a TTL
//! PREFIX id _GONE    its tombstone: it was destroyed a moment ago
//! PREFIX id _WAIT    somebody waits for its lock
//! PREFIX id _NEXT    the list on which those sleep
//! PREFIX id _NEW number   a payload on its way to the session, for as long as one command follows another
//! PREFIX _OWNER      the one machine that uses the store, where it said that it is the only one
//! PREFIX _USER_ user the sessions that may be a user's: a sorted set of ids, each with the end of its session
//! ```
//! In a cluster all but the first and the last two are `{PREFIX id}_LOCK` and so on, which has them in one slot, or as above
//! if the prefix has a hash tag, such as `{site}`, that keeps all sessions in one slot anyway.
//!
//! The first two are as phpredis has them (redis_session.c: `redis_session_key`, `lock_acquire`, in a cluster `generate_cluster_lock_key`), so that both can be
//! used side by side; phpredis has no others. An id has no `_`, so no key is another session's.

use super::slots;
use crate::error::{Error, ErrorKind, Result};
use crate::record::SessionId;

/// What phpredis puts before an id (`REDIS_SESSION_PREFIX` in its redis_session.c).
pub const DEFAULT_PREFIX: &str = "PHPREDIS_SESSION:";

/// The same for its cluster mode (`CLUSTER_SESSION_PREFIX`).
pub const DEFAULT_CLUSTER_PREFIX: &str = "PHPREDIS_CLUSTER_SESSION:";

/// The names of keys.
#[derive(Debug)]
pub struct Keys {
    prefix: Vec<u8>,
    /// What is put before the prefix and behind the id where another key has to be in the slot of the session.
    braces: [&'static [u8]; 2],
}

impl Keys {
    /// Keys that begin with `prefix`.
    pub fn new(prefix: &str) -> Keys {
        Keys { prefix: prefix.as_bytes().to_vec(), braces: [b"", b""] }
    }

    /// Those of a cluster.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for braces that make no hash tag: what phpredis makes of them is in another slot, and it
    /// refuses them too (redis_session.c: `select_cluster_lock_key_form`).
    pub fn in_cluster(prefix: &str) -> Result<Keys> {
        let plain = Keys::new(prefix);
        let well_formed = !prefix.split('{').next().unwrap_or_default().contains('}');
        if !prefix.contains(['{', '}']) {
            Ok(Keys { braces: [b"{", b"}"], ..plain })
        } else if slots::tag(prefix.as_bytes()).is_some() && well_formed {
            Ok(plain)
        } else {
            Err(Error::new(
                ErrorKind::Config,
                format!(
                    "rustdb.store has prefix={prefix}, whose braces are no hash tag of a cluster, such as {{site}}"
                ),
            ))
        }
    }

    fn key(&self, id: &[u8], suffix: &[u8]) -> Vec<u8> {
        let [before, behind] = self.braces;
        [before, &self.prefix, id, behind, suffix].concat()
    }

    /// The session.
    pub fn session(&self, id: SessionId<'_>) -> Vec<u8> {
        [&self.prefix, id.as_bytes()].concat()
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

    /// A payload on its way. `number`: of no other.
    pub fn staged(&self, id: SessionId<'_>, number: u64) -> Vec<u8> {
        self.key(id.as_bytes(), format!("_NEW{number:016x}").as_bytes())
    }

    /// The record of the store's owner.
    pub fn owner(&self) -> Vec<u8> {
        [&self.prefix, b"_OWNER".as_slice()].concat()
    }

    /// The sessions of a user. In a cluster it may be in any slot, by whatever braces the name has.
    pub fn user(&self, user: &str) -> Vec<u8> {
        [&self.prefix, b"_USER_".as_slice(), user.as_bytes()].concat()
    }

    /// All of a session's, in the order of the list above.
    pub fn all(&self, id: SessionId<'_>) -> Vec<Vec<u8>> {
        vec![self.session(id), self.lock(id), self.key(id.as_bytes(), b"_GONE"), self.wait(id), self.next(id)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_session_are_in_one_slot_of_a_cluster() {
        let id = SessionId::parse(b"abc").unwrap();
        for (prefix, lock) in [("P:", "{P:abc}_LOCK"), ("{site}P:", "{site}P:abc_LOCK"), ("", "{abc}_LOCK")] {
            let keys = Keys::in_cluster(prefix).unwrap();
            assert_eq!(keys.session(id), format!("{prefix}abc").into_bytes());
            assert_eq!(String::from_utf8(keys.lock(id)).unwrap(), lock);
            let slot = slots::of(&keys.session(id));
            assert!(keys.all(id).iter().all(|key| slots::of(key) == slot), "{prefix}");
            assert_eq!(slots::of(&keys.staged(id, 7)), slot, "{prefix}");
        }
        for prefix in ["{", "a}", "{}P", "}{a}"] {
            assert!(Keys::in_cluster(prefix).is_err(), "{prefix}");
        }
    }
}
