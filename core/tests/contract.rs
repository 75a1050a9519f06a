//! What every store promises, written once and run against each store and composition.

#[macro_use]
mod contract_support;

use std::sync::Arc;
use std::time::Duration;

use contract_support::{id, in_an_hour, lease, read, write};

use rustdb_core::backend::embedded::Embedded;
use rustdb_core::buffer::{Buffer, epoch::Epochs, place::Place};
use rustdb_core::buffered::{Buffered, Parts};
use rustdb_core::collector::Collection;
use rustdb_core::error::Result;
use rustdb_core::lock::flusher::Flusher;
use rustdb_core::lock::{HostLocks, LockKind, LockName};
use rustdb_core::owner::Owner;
use rustdb_core::record::{Expiry, Record, SessionId, Version, now};
use rustdb_core::shared::Shared;
use rustdb_core::store::{Access, Begun, ByUser, Change, Committed, Found, Lease, Listed, Store, Sweep, Whose};
use rustdb_core::unbuffered::Unbuffered;
use rustdb_core::visitor::Visitor;
use tempfile::TempDir;

/// A store under test, and what has to outlive it.
struct Fixture<S> {
    store: S,
    buffer: Option<std::path::PathBuf>,
    _directory: TempDir,
}

impl<S> Drop for Fixture<S> {
    fn drop(&mut self) {
        if let Some(buffer) = &self.buffer {
            let _ = std::fs::remove_dir_all(buffer);
        }
    }
}

fn directory() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix("rustdb-contract-").permissions(permissions).tempdir().unwrap()
}

fn embedded() -> Fixture<Embedded> {
    let directory = directory();
    let (store, set_aside) = Embedded::open(directory.path(), true).unwrap();
    assert_eq!(set_aside, None);
    Fixture { store, buffer: None, _directory: directory }
}

fn unbuffered() -> Fixture<Unbuffered<Embedded>> {
    let directory = directory();
    let (store, _) = Embedded::open(directory.path(), true).unwrap();
    let shared = Arc::new(Shared::open(directory.path()).unwrap());
    let flusher = Flusher::new(HostLocks::open(directory.path(), Arc::clone(&shared)).unwrap());
    let store = Unbuffered::new(store, flusher, Duration::from_secs(30), shared);
    Fixture { store, buffer: None, _directory: directory }
}

fn buffered_as<S>(size: u64, wrap: impl FnOnce(Buffered<Embedded>) -> S) -> Fixture<S> {
    let directory = directory();
    let path = directory.path().canonicalize().unwrap();
    let (owner, (shared, store, place, live)) = Owner::join(&path, true, |owner| {
        let shared = Arc::new(Shared::open(&path)?);
        let (store, _) = Embedded::open(&path, owner.was_first())?;
        let place = Place::new(&path, store.mark(), size);
        let live = place.open(true, Epochs { owner, shared: &shared, mine: None })?;
        Ok((shared, store, place, live))
    })
    .unwrap();
    let buffer = live.directory.clone();
    let store = Buffered::new(Parts {
        buffer: Buffer::new(live, place, Arc::new(owner), Arc::clone(&shared)),
        store,
        limit: Duration::from_secs(30),
        locks: HostLocks::open(&path, Arc::clone(&shared)).unwrap(),
        shared,
    });
    Fixture { store: wrap(store), buffer: Some(buffer), _directory: directory }
}

/// Writes through: what is committed is in the store behind the buffer when `commit` returns.
struct Through(Buffered<Embedded>);

impl Store for Through {
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun> {
        self.0.begin(id, access, known)
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        let committed = self.0.commit(id, change, lease)?;
        self.0.flush_through(id, Duration::from_secs(30))?;
        Ok(committed)
    }
}

impl ByUser for Through {
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        self.0.of_user(whose)
    }
}

fn through() -> Fixture<Through> {
    buffered_as(64 << 20, Through)
}

/// The same where the store itself tells whether an id is free, as for one on a server.
struct Inserting(Buffered<Embedded>);

impl Store for Inserting {
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun> {
        self.0.begin(id, access, known)
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        let committed = match change {
            Change::Write(record) if lease.fresh => self.0.insert(id, record, lease)?,
            _ => self.0.commit(id, change, lease)?,
        };
        self.0.flush_through(id, Duration::from_secs(30))?;
        Ok(committed)
    }
}

impl ByUser for Inserting {
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        self.0.of_user(whose)
    }
}

fn inserting() -> Fixture<Inserting> {
    buffered_as(64 << 20, Inserting)
}

fn buffered(size: u64) -> Fixture<Buffered<Embedded>> {
    buffered_as(size, |store| store)
}

/// A store without leases answers so; to others it may cost more than it saves.
macro_rules! knows {
    ($name:ident, $make:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn what_the_caller_knows_is_not_sent_again() {
                let at = $make;
                let expires = in_an_hour();
                write(&at.store, "a", b"data", expires);
                let version = Record::new(b"data".as_slice(), expires).version;
                let begun = at.store.begin(id("a"), Access::Exclusive, Some(version)).unwrap();
                assert_eq!(begun.found, Found::Current(expires));
                let other = Record::new(b"other".as_slice(), expires).version;
                let begun = at.store.begin(id("a"), Access::Exclusive, Some(other)).unwrap();
                assert!(matches!(begun.found, Found::Record(_)));
            }
        }
    };
}

// Every commit is durable here, so the bulk tests are what takes the time.
contract!(embedded_alone, embedded());
contract!(embedded_unbuffered, unbuffered());
contract!(buffered_behind, buffered(64 << 20));
contract!(buffered_through, through());
contract!(buffered_inserting, inserting());
contract!(buffered_by_very_little, buffered(1 << 20));

knows!(embedded_alone_knows, embedded());
knows!(embedded_unbuffered_knows, unbuffered());
knows!(buffered_behind_knows, buffered(64 << 20));
knows!(buffered_through_knows, through());
knows!(buffered_by_very_little_knows, buffered(1 << 20));

const COLLECTION: Collection<'static> = Collection { slice: 100, limit: Duration::from_secs(5), pause: &|| true };

#[test]
fn a_sweep_goes_by_the_expiry_that_a_session_has_now() {
    let at = embedded();
    let now = now();
    write(&at.store, "prolonged", b"x", Expiry(now - 10));
    write(&at.store, "prolonged", b"y", in_an_hour());
    write(&at.store, "shortened", b"x", in_an_hour());
    write(&at.store, "shortened", b"y", Expiry(now - 10));
    write(&at.store, "ancient", b"x", Expiry(-5));
    let asked = std::cell::RefCell::new(Vec::new());
    let swept = at.store.sweep(now, 100, 0, &mut |id| {
        asked.borrow_mut().push(String::from_utf8_lossy(id.as_bytes()).into_owned());
        true
    });
    assert_eq!(swept.unwrap().collected, 2);
    assert_eq!(asked.into_inner(), ["ancient", "shortened"]);
    assert_eq!(read(&at.store, "prolonged").as_deref(), Some(b"y".as_slice()));
    let later = now + 7200;
    assert_eq!(at.store.sweep(later, 100, 0, &mut |_| true).unwrap().collected, 1);
    assert_eq!(at.store.sweep(later, 100, 0, &mut |_| true).unwrap(), Default::default(), "the index is empty");
}

#[test]
fn sessions_in_use_do_not_keep_a_sweep_from_those_behind_them() {
    let at = unbuffered();
    for number in 0..300 {
        write(&at.store, &format!("s{number}"), b"x", Expiry(now() - 400 + number));
    }
    let locks = HostLocks::open(at._directory.path(), Arc::new(Shared::open(at._directory.path()).unwrap())).unwrap();
    let held: Vec<_> = (0..150).map(|number| LockName::session(id(&format!("s{number}")))).collect();
    assert!(held.iter().all(|name| locks.try_lock(*name, LockKind::Exclusive).unwrap()));
    assert_eq!(at.store.collect(COLLECTION).unwrap(), Some(150));
    held.iter().for_each(|name| locks.unlock(*name));
    assert_eq!(at.store.collect(COLLECTION).unwrap(), Some(150));
}

#[test]
fn a_sweep_takes_what_has_expired_and_nothing_else() {
    let at = embedded();
    let now = now();
    for number in 0..50 {
        write(&at.store, &format!("old{number}"), b"x", Expiry(now - 1 - number));
        write(&at.store, &format!("new{number}"), b"x", in_an_hour());
    }
    let first = at.store.sweep(now, 30, 0, &mut |_| true).unwrap();
    assert_eq!((first.collected, first.more), (30, true));
    let spared = at.store.sweep(now, 30, 0, &mut |id| id.as_bytes() != b"old0").unwrap();
    assert_eq!((spared.collected, spared.kept, spared.more), (19, 1, false));
    let rest = at.store.sweep(now, 30, 0, &mut |_| true).unwrap();
    assert_eq!((rest.collected, rest.more), (1, false));
    for number in 0..50 {
        assert!(read(&at.store, &format!("new{number}")).is_some());
    }
}

#[test]
fn collecting_through_a_buffer_spares_what_was_prolonged_there() {
    let at = buffered(64 << 20);
    let past = Expiry(now() - 1);
    write(&at.store, "gone", b"x", past);
    write(&at.store, "alive", b"x", past);
    at.store.flush(Duration::from_secs(5)).unwrap();
    // In the buffer it lives on; the store has not been told yet.
    write(&at.store, "alive", b"y", in_an_hour());
    assert_eq!(at.store.collect(COLLECTION).unwrap(), Some(1));
    assert_eq!(read(&at.store, "gone"), None);
    assert_eq!(read(&at.store, "alive").as_deref(), Some(b"y".as_slice()));
}

#[test]
fn a_flush_brings_changes_and_ends_to_the_store() {
    let at = buffered(64 << 20);
    write(&at.store, "stays", b"1", in_an_hour());
    write(&at.store, "goes", b"2", in_an_hour());
    assert_eq!(read(at.store.behind(), "stays"), None);
    assert!(at.store.flush(Duration::from_secs(5)).unwrap());
    assert_eq!(read(at.store.behind(), "stays").as_deref(), Some(b"1".as_slice()));
    assert_eq!(read(at.store.behind(), "goes").as_deref(), Some(b"2".as_slice()));
    let held = lease(&at.store, "goes");
    at.store.commit(id("goes"), Change::Destroy, held).unwrap();
    assert!(at.store.flush(Duration::from_secs(5)).unwrap());
    assert_eq!(read(at.store.behind(), "goes"), None);
    assert_eq!(at.store.buffer().report().unwrap().unflushed, 0);
}

#[test]
fn writing_through_has_it_in_the_store_when_commit_returns() {
    let at = through();
    write(&at.store, "a", b"1", in_an_hour());
    assert_eq!(read(at.store.0.behind(), "a").as_deref(), Some(b"1".as_slice()));
}

#[test]
fn an_inserted_session_is_in_the_store_and_then_in_the_buffer() {
    let at = inserting();
    let record = Record::new(b"1".as_slice(), in_an_hour());
    let fresh = Begun::fresh().lease;
    assert_eq!(at.store.commit(id("a"), Change::Write(&record), fresh).unwrap(), Committed::Done);
    assert_eq!(read(at.store.0.behind(), "a").as_deref(), Some(b"1".as_slice()));
    assert!(!lease(&at.store, "a").unbuffered);
    assert_eq!(at.store.0.buffer().report().unwrap().unflushed, 0);
    // One that the store alone has, and one that the buffer alone has.
    write(at.store.0.behind(), "b", b"theirs", in_an_hour());
    write(&at.store.0, "c", b"theirs", in_an_hour());
    for name in ["b", "c"] {
        let committed = at.store.commit(id(name), Change::Write(&record), fresh).unwrap();
        assert_eq!((name, committed), (name, Committed::Collision));
        assert_eq!(read(&at.store, name).as_deref(), Some(b"theirs".as_slice()));
        assert_eq!(read(at.store.0.behind(), name).as_deref(), Some(b"theirs".as_slice()));
    }
}

#[test]
fn who_began_before_a_destroy_cannot_bring_the_session_back() {
    let at = buffered(64 << 20);
    write(&at.store, "a", b"1", in_an_hour());
    // Without locking two requests have the session at once.
    let slow = lease(&at.store, "a");
    let quick = lease(&at.store, "a");
    at.store.commit(id("a"), Change::Destroy, quick).unwrap();
    let record = Record::new(b"old data".as_slice(), in_an_hour());
    assert_eq!(at.store.commit(id("a"), Change::Write(&record), slow).unwrap(), Committed::Ended);
    assert_eq!(
        at.store.commit(id("a"), Change::Touch(in_an_hour(), &Visitor::UNKNOWN), slow).unwrap(),
        Committed::Ended
    );
    assert_eq!(read(&at.store, "a"), None);
}

#[test]
fn a_session_read_from_the_store_is_in_the_buffer_afterwards() {
    let at = buffered(64 << 20);
    write(at.store.behind(), "a", b"1", in_an_hour());
    let held = lease(&at.store, "a");
    assert!(held.unbuffered);
    at.store.commit(id("a"), Change::None, held).unwrap();
    assert!(!lease(&at.store, "a").unbuffered);
}
