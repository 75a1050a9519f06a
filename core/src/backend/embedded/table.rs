//! The keys and values of the file, and how a change of a session keeps its indexes true.

use crate::entry::{self, Stamp};
use crate::lmdb::{Code, Reader, Write};
use crate::record::{Expiry, SessionId};
use crate::store::Listed;
use crate::visitor::User;

pub(super) fn session_key(id: &[u8]) -> Vec<u8> {
    [b"s", id].concat()
}

pub(super) fn user_key(user: &str, id: &[u8]) -> Vec<u8> {
    [b"u".as_slice(), user.as_bytes(), b"\0", id].concat()
}

fn index_key(time: Expiry, id: &[u8]) -> Vec<u8> {
    [b"x".as_slice(), &time.0.to_be_bytes(), id].concat()
}

/// Where a session stands in the index.
const INDEXED: usize = 8;

/// A stored value: where its session stands in the index, and its entry.
pub(super) fn split(value: &[u8]) -> Option<(Expiry, &[u8])> {
    value.split_first_chunk::<INDEXED>().map(|(time, entry)| (Expiry(i64::from_be_bytes(*time)), entry))
}

/// The expiry of a stored session; `None`: the value can never be read as one of this id.
pub(super) fn expiry_in(id: &[u8], value: &[u8]) -> Option<Expiry> {
    split(value).and_then(|(_, entry)| Stamp::of_entry(id, entry)).map(|stamp| stamp.expires())
}

/// The key of a stored value in the index of users, if it has one.
fn place_by_user(id: &[u8], entry: &[u8]) -> Option<Vec<u8>> {
    match entry::visitor_of(entry).user() {
        User::Is(user) => Some(user_key(&user, id)),
        User::Unknown | User::Nobody => None,
    }
}

/// Takes a key, if there is one, out of the index of users.
fn take_out(txn: &mut Write<'_>, user: Option<Vec<u8>>) -> Result<(), Code> {
    user.iter().try_for_each(|user| txn.delete(user).map(drop))
}

/// Puts an encoded session in its place and sees to the indexes.
pub(super) fn put(txn: &mut Write<'_>, id: &[u8], entry: &[u8]) -> Result<(), Code> {
    let Some(expires) = Stamp::of(entry).map(|stamp| stamp.expires()) else { return Ok(()) };
    let old = txn.get(&session_key(id))?.and_then(split);
    let (old_user, user) = (old.and_then(|(_, old)| place_by_user(id, old)), place_by_user(id, entry));
    let old = old.map(|(indexed, _)| indexed);
    if old_user != user {
        take_out(txn, old_user)?;
        user.iter().try_for_each(|user| txn.put_marker(user).map(drop))?;
    }
    let indexed = match old {
        Some(old) if old <= expires => old,
        _ => Expiry(expires.0.max(0)),
    };
    if old != Some(indexed) {
        if let Some(old) = old {
            txn.delete(&index_key(old, id))?;
        }
        txn.put_marker(&index_key(indexed, id))?;
    }
    put_value(txn, id, indexed, entry)
}

fn put_value(txn: &mut Write<'_>, id: &[u8], indexed: Expiry, entry: &[u8]) -> Result<(), Code> {
    txn.put(&session_key(id), INDEXED + entry.len(), |out| {
        out[..INDEXED].copy_from_slice(&indexed.0.to_be_bytes());
        out[INDEXED..].copy_from_slice(entry);
    })
}

pub(super) fn delete(txn: &mut Write<'_>, id: &[u8]) -> Result<bool, Code> {
    let key = session_key(id);
    if let Some((indexed, old)) = txn.get(&key)?.and_then(split) {
        let user = place_by_user(id, old);
        txn.delete(&index_key(indexed, id))?;
        take_out(txn, user)?;
    }
    txn.delete(&key)
}

/// A place in the index whose time has come.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    // The id first: in the order of the sessions' own keys neighbours on one page are changed together.
    pub(super) id: Box<[u8]>,
    pub(super) indexed: Expiry,
}

/// Removes a session that has expired, or moves it in the index to its expiry. Returns whether it was removed.
pub(super) fn settle(txn: &mut Write<'_>, due: &Due, now: i64) -> Result<bool, Code> {
    let key = session_key(&due.id);
    // What stands here is believed, not what the session says of its place: so an index in disorder mends itself.
    let value = txn.get(&key)?;
    let alive = value.and_then(|value| {
        let expires = expiry_in(&due.id, value).filter(|expires| !expires.is_past(now))?;
        Some((expires, value[INDEXED..].to_vec()))
    });
    let user = value.and_then(split).and_then(|(_, entry)| place_by_user(&due.id, entry));
    txn.delete(&index_key(due.indexed, &due.id))?;
    match alive {
        Some((expires, entry)) => {
            txn.put_marker(&index_key(expires, &due.id))?;
            put_value(txn, &due.id, expires, &entry)?;
            Ok(false)
        }
        None => {
            take_out(txn, user)?;
            txn.delete(&key)
        }
    }
}

/// What a list says of a stored session.
pub(super) fn listed(id: SessionId<'_>, entry: &[u8]) -> Option<Listed> {
    let expires = Stamp::of_entry(id.as_bytes(), entry)?.expires();
    Some(Listed { id: id.as_bytes().into(), expires, visitor: entry::visitor_of(entry).into_owned() })
}
