//! The embedded store: an LMDB file on disk, `store.mdb`, that needs no server.
//!
//! Every commit is durable: LMDB writes new pages, syncs them, and only then the page that makes them current, so a
//! power cut at any moment leaves the last whole commit. Keys:
//!
//! ```text
//! 's' id             a session: 8 bytes that say where it stands in the expiry index, then its entry (crate::entry)
//! 'm'                the format of all this, 3, as one byte, and the store's mark: 8 random bytes, by which a buffer knows
//!                    that it belongs to this very file
//! 'x' time id        the expiry index: time as 8 bytes, big-endian, so that the earliest comes first; empty value
//! 'u' user 0 id      the index of users (crate::visitor), whose names have no zero; empty value
//! ```
//! A session stands in the index once, at its expiry or before it: prolonging a session leaves its place in the index
//! alone, and the sweep that comes by there moves it to where it belongs. So all but a session's first and last change
//! write one page of sessions and none of the index.

mod open;
mod table;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use open::SetAside;
use table::{Due, delete, expiry_in, listed, put, session_key, settle, split, user_key};

use rand::RngExt;

use crate::directory;
use crate::entry::{self, Entry, HEADER, Stamp};
use crate::error::{Error, ErrorKind, Result};
use crate::lmdb::{Code, Env, Read, Reader, Write};
use crate::notices::Notices;
use crate::record::{Expiry, Record, SessionId, Version, now};
use crate::store::{
    Access, Backend, Batch, Begun, ByUser, Change, Committed, Found, Lease, Listed, Store, Sweep, Swept, Whose,
};
use crate::visitor::User;

/// The embedded store in one directory.
#[derive(Debug)]
pub struct Embedded {
    env: Env,
    path: PathBuf,
    mark: u64,
    notices: Notices,
}

/// The format of the file.
const FORMAT: u8 = 3;
/// The one before, which knew no visitors. Such a file is read as it is, and becomes one of this format when it is opened.
const FORMAT_BEFORE: u8 = 2;
/// The most bytes of sessions that one sweep moves in the index: with a session its whole value is written again.
const MOST_MOVED: usize = 4 << 20;

impl Embedded {
    /// Opens the store in `directory`, or makes it. Runs under the directory's open-lock. `alone`: no other process
    /// uses it. A damaged file is set aside and a new one begun; the answer says so.
    pub fn open(directory: &Path, alone: bool) -> Result<(Embedded, Option<SetAside>)> {
        let path = directory.join("store.mdb");
        let (env, set_aside) = open::open(&path, alone)?;
        let mut store = Embedded { env, path, mark: 0, notices: Notices::default() };
        store.mark = store.read_mark()?;
        Ok((store, set_aside))
    }

    /// The mark of this very file.
    pub fn mark(&self) -> u64 {
        self.mark
    }

    fn read_mark(&self) -> Result<u64> {
        let found: Option<Box<[u8]>> =
            self.read()?.get(b"m").map(|value| value.map(Box::from)).map_err(|code| self.failed("read", code))?;
        let (format, mark) = match found.as_deref() {
            None => (None, rand::rng().random()),
            Some([format @ (FORMAT | FORMAT_BEFORE), mark @ ..]) if mark.len() == 8 => {
                (Some(*format), *mark.first_chunk().expect("it has 8 bytes"))
            }
            Some(_) => {
                return Err(Error::new(
                    ErrorKind::InUse,
                    format!(
                        "the session store {} was written by another version of rustdb; stop PHP, move it away, and start PHP \
                         again (its sessions end), or go back to that version",
                        self.path.display()
                    ),
                ));
            }
        };
        if format != Some(FORMAT) {
            self.transact(|txn| {
                txn.put(b"m", 9, |out| {
                    out[0] = FORMAT;
                    out[1..].copy_from_slice(&mark);
                })
            })?;
        }
        Ok(u64::from_le_bytes(mark))
    }

    fn read(&self) -> Result<Read<'_>> {
        self.env.read().map_err(|code| self.failed("read", code))
    }

    /// The session under `id`, whether it has expired or not.
    fn find(&self, id: SessionId<'_>) -> Result<Option<Record<'static>>> {
        let txn = self.read()?;
        let value = txn.get(&session_key(id.as_bytes())).map_err(|code| self.failed("read", code))?;
        Ok(value.and_then(|value| match split(value).and_then(|(_, entry)| entry::decode(id, entry)) {
            Some(Entry::Session(record)) => Some(record.into_owned()),
            Some(Entry::Tombstone) => None,
            None => {
                // No session; the next write replaces it.
                let path = self.path.display();
                let message = format!("a value in the session store {path} is damaged, and its session counts as missing; look for disk errors");
                self.notices.note(Error::new(ErrorKind::Damaged, message));
                None
            }
        }))
    }

    fn failed(&self, what: &str, code: Code) -> Error {
        let path = self.path.display();
        if code == Code::MAP_FULL {
            return Error::new(ErrorKind::Full, format!("the session store {path} has reached its largest size"));
        }
        if code.is_damage() {
            return Error::new(
                ErrorKind::Damaged,
                format!(
                    "the session store {path} is damaged ({}); stop PHP, move the file away and start PHP again",
                    code.to_io()
                ),
            );
        }
        // LMDB calls a write that was cut short an input/output error, and most are cut short by a full disk.
        let cause = match code {
            Code(libc::EIO) if directory::is_full(&self.path) => Code(libc::ENOSPC).to_io(),
            code => code.to_io(),
        };
        Error::io(format_args!("cannot {what} the session store {path}"), &cause)
    }

    fn transact<T>(&self, change: impl FnOnce(&mut Write<'_>) -> Result<T, Code>) -> Result<T> {
        let run = || {
            let mut txn = self.env.write()?;
            let changed = change(&mut txn)?;
            txn.commit()?;
            Ok(changed)
        };
        run().map_err(|code| self.failed("write to", code))
    }
}

impl Store for Embedded {
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun> {
        let found = match access {
            Access::Fresh => None,
            _ => self.find(id)?.filter(|record| !record.expires.is_past(now())),
        };
        let existed = found.is_some();
        let lease = Lease { existed, fresh: access == Access::Fresh, unbuffered: existed, ..Lease::default() };
        let found = match found {
            None => Found::Missing,
            Some(record) if known == Some(record.version) => Found::Current(record.expires),
            Some(record) => Found::Record(record),
        };
        Ok(Begun { found, lease })
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        let key = id.as_bytes();
        match change {
            Change::None => Ok(Committed::Done),
            Change::Destroy => self.transact(|txn| delete(txn, key)).map(|_| Committed::Done),
            Change::Touch(expires, visitor) => match self.find(id)? {
                None if lease.existed => Ok(Committed::Ended),
                None => Ok(Committed::Gone),
                Some(record) => {
                    let visitor = visitor.clone().or(&record.visitor);
                    self.commit(id, Change::Write(&Record { expires, visitor, ..record }), lease)
                }
            },
            Change::Write(record) => {
                let mut entry = vec![0; HEADER + record.payload.len() + record.visitor.as_bytes().len()];
                entry::encode_session(id, record, &mut entry);
                self.transact(|txn| {
                    let there = txn.get(&session_key(key))?;
                    if lease.existed && there.is_none() {
                        return Ok(Committed::Ended);
                    }
                    let expires = there.and_then(|value| expiry_in(key, value));
                    if lease.fresh && expires.is_some_and(|expires| !expires.is_past(now())) {
                        return Ok(Committed::Collision);
                    }
                    put(txn, key, &entry)?;
                    Ok(Committed::Done)
                })
            }
        }
    }
}

impl Batch for Embedded {
    fn apply(&self, changes: &mut dyn Iterator<Item = (SessionId<'_>, &[u8])>) -> Result<()> {
        self.transact(|txn| {
            for (id, entry) in changes {
                if Stamp::of(entry).is_some_and(|stamp| stamp.is_tombstone()) {
                    delete(txn, id.as_bytes())?;
                } else {
                    put(txn, id.as_bytes(), entry)?;
                }
            }
            Ok(())
        })
    }
}

impl Backend for Embedded {
    fn has_leases(&self) -> bool {
        false
    }

    fn maintain(&self) -> bool {
        let _ = self.env.clear_dead_readers();
        false
    }

    fn notices(&self) -> &Notices {
        &self.notices
    }

    fn bytes(&self) -> Option<u64> {
        Some(self.env.extent().1)
    }

    /// Its directory has an owner (`crate::owner`), and that is enough.
    fn owner(&self, _: Option<&str>) -> Result<Option<String>> {
        Ok(None)
    }
}

impl ByUser for Embedded {
    fn of_user(&self, Whose { user, now, limit, .. }: Whose<'_>) -> Result<Vec<Listed>> {
        let first = user_key(user, b"");
        let (mut found, mut trouble) = (Vec::new(), None);
        let txn = self.read()?;
        txn.scan(&first, &mut |key, _| {
            let Some(id) = key.strip_prefix(first.as_slice()).and_then(|id| SessionId::parse(id).ok()) else {
                return ControlFlow::Break(());
            };
            match txn.get(&session_key(id.as_bytes())) {
                Ok(value) => {
                    found.extend(value.and_then(|value| listed(id, split(value)?.1)).filter(|listed| {
                        !listed.expires.is_past(now) && listed.visitor.user() == User::Is(user.into())
                    }))
                }
                Err(code) => trouble = Some(code),
            }
            if trouble.is_some() || found.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .and_then(|()| trouble.map_or(Ok(()), Err))
        .map_err(|code| self.failed("read", code))?;
        Ok(found)
    }
}

impl Sweep for Embedded {
    fn sweep(
        &self,
        now: i64,
        limit: usize,
        skip: usize,
        may_collect: &mut dyn FnMut(SessionId<'_>) -> bool,
    ) -> Result<Swept> {
        let (mut due, mut kept, mut passed, mut moved, mut more) = (Vec::new(), 0, 0, 0, false);
        let mut trouble = None;
        let txn = self.read()?;
        txn.scan(b"x", &mut |key, _| {
            let Some((time, id)) = key.strip_prefix(b"x").and_then(|rest| rest.split_first_chunk::<8>()) else {
                return ControlFlow::Break(());
            };
            let indexed = Expiry(i64::from_be_bytes(*time));
            if !indexed.is_past(now) {
                return ControlFlow::Break(());
            }
            if passed < skip {
                passed += 1;
                return ControlFlow::Continue(());
            }
            if due.len() + kept == limit || moved > MOST_MOVED {
                more = true;
                return ControlFlow::Break(());
            }
            let value = match txn.get(&session_key(id)) {
                Ok(value) => value,
                Err(code) => {
                    trouble = Some(code);
                    return ControlFlow::Break(());
                }
            };
            let expires = value.and_then(|value| expiry_in(id, value));
            if expires.is_some_and(|expires| !expires.is_past(now)) {
                // Prolonged: it is moved, whoever uses it.
                moved += value.map_or(0, <[u8]>::len);
            } else if !SessionId::parse(id).is_ok_and(&mut *may_collect) {
                kept += 1;
                return ControlFlow::Continue(());
            }
            due.push(Due { id: id.into(), indexed });
            ControlFlow::Continue(())
        })
        .and_then(|()| trouble.map_or(Ok(()), Err))
        .map_err(|code| self.failed("read", code))?;
        drop(txn);
        due.sort_unstable();
        let collected = match due.is_empty() {
            true => 0,
            false => self.transact(|txn| {
                due.iter().try_fold(0, |collected, due| Ok(collected + u64::from(settle(txn, due, now)?)))
            })?,
        };
        Ok(Swept { collected, kept: kept as u64, more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note_format(store: &Embedded, format: u8) {
        let mark = store.mark.to_le_bytes();
        store.transact(|txn| txn.put(b"m", 9, |out| out.copy_from_slice(&[&[format], &mark[..]].concat()))).unwrap();
    }

    #[test]
    fn a_file_of_the_format_before_goes_on_as_one_of_this() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Embedded::open(directory.path(), false);
        let id = SessionId::parse(b"a").unwrap();
        let store = open().unwrap().0;
        let record = Record::new(b"data".as_slice(), Expiry(i64::MAX));
        store.commit(id, Change::Write(&record), Lease::default()).unwrap();
        note_format(&store, FORMAT_BEFORE);
        let mark = store.mark();
        drop(store);
        let store = open().unwrap().0;
        assert_eq!(store.mark(), mark);
        assert_eq!(store.find(id).unwrap(), Some(record));
        assert_eq!(store.read().unwrap().get(b"m").unwrap().unwrap()[0], FORMAT);
        note_format(&store, FORMAT + 1);
        drop(store);
        assert_eq!(open().unwrap_err().kind(), ErrorKind::InUse);
    }
}
