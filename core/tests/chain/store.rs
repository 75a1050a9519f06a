//! The contract, kept by a chain whatever becomes of its Redis, and what lies where.

use rustdb_core::backend::mysql::Mysql;
use rustdb_core::backend::redis::Redis;
use rustdb_core::chain::Chain;
use rustdb_core::entry::{HEADER, encode_session};
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Backend, Batch, Change, Committed, Found, Lease, Store, Sweep};
use rustdb_core::visitor::Visitor;

use crate::contract_support::{id, in_an_hour, lease, read, write};
use crate::machine::{LARGE, Machine, Servers, large, payload};

/// A chain under test, and its servers.
struct Fixture {
    store: Chain<Redis, Mysql>,
    _machine: tempfile::TempDir,
    _servers: Servers,
}

fn fixture(make: impl FnOnce(&mut Servers) -> Machine) -> Fixture {
    let mut servers = Servers::start();
    let Machine { store, directory } = make(&mut servers);
    Fixture { store, _machine: directory, _servers: servers }
}

/// Where every session has a copy.
fn of_everything(servers: &Servers, locking: bool) -> Machine {
    Machine::new(&format!("{}?least=0", servers.redis.url()), &servers.url, locking)
}

contract!(chain, fixture(|servers| servers.machine()));
contract!(chain_of_everything, fixture(|servers| of_everything(servers, true)));
contract!(chain_without_locking, fixture(|servers| of_everything(servers, false)));
contract!(
    chain_without_its_redis,
    fixture(|servers| {
        servers.redis.kill();
        of_everything(servers, true)
    })
);

#[test]
fn large_sessions_have_a_copy_and_small_ones_have_none() {
    let at = Servers::start();
    let machine = at.machine();
    machine.write("small", &[b'.'; LARGE - 1]);
    machine.write("large", &[b'.'; LARGE]);
    assert_eq!((machine.visit("small").unwrap().len(), machine.visit("large").unwrap().len()), (LARGE - 1, LARGE));
    assert_eq!(at.redis.keys(), ["RUSTDB_COPY:large"], "neither locks nor tombstones");
    assert_eq!(at.copy("large"), Some(".".repeat(LARGE)));
}

#[test]
fn a_copy_lives_for_as_long_as_its_session_has_left() {
    let at = Servers::start();
    let machine = at.machine();
    let expires = Expiry(now() + 500);
    let end = || at.redis.number(&["PEXPIRETIME", "RUSTDB_COPY:a"]);
    let record = Record::new(large("1"), expires);
    let lease = machine.begin("a").lease;
    machine.commit("a", Change::Write(&record), lease);
    assert_eq!(end(), (expires.0 + 1) * 1000);
    // What is filled in later gets what is left, and not a lifetime of its own.
    at.redis.tell(&["FLUSHALL"]);
    assert_eq!(machine.visit("a"), Some(large("1")));
    assert_eq!(end(), (expires.0 + 1) * 1000);
}

#[test]
fn moving_the_expiry_is_between_mysql_and_the_session() {
    let at = Servers::start();
    let machine = at.machine();
    let lease = machine.begin("a").lease;
    machine.commit("a", Change::Write(&Record::new(large("1"), Expiry(now() + 500))), lease);
    let later = in_an_hour();
    let lease = machine.begin("a").lease;
    assert_eq!(machine.commit("a", Change::Touch(later, &Visitor::UNKNOWN), lease), Committed::Done);
    let begun = machine.begin("a");
    assert_eq!(begun.found, Found::Record(Record::new(large("1"), later)));
    machine.commit("a", Change::None, begun.lease);
    // The copy ends sooner; then there is none, and the next request makes one with the new end.
    assert!(at.redis.number(&["TTL", "RUSTDB_COPY:a"]) <= 501);
    at.redis.tell(&["DEL", "RUSTDB_COPY:a"]);
    assert_eq!(machine.visit("a"), Some(large("1")));
    assert_eq!(at.redis.number(&["PEXPIRETIME", "RUSTDB_COPY:a"]), (later.0 + 1) * 1000);
}

#[test]
fn a_session_that_shrinks_leaves_no_copy() {
    let at = Servers::start();
    let machine = at.machine();
    machine.write("a", &large("secret"));
    machine.write("a", b"small");
    assert_eq!(at.copy("a"), None);
    assert_eq!(machine.visit("a").as_deref(), Some(b"small".as_slice()));
}

#[test]
fn a_destroyed_session_leaves_no_copy_and_a_late_one_is_refused() {
    let at = Servers::start();
    let (here, there) = (Machine::new(&at.redis.url(), &at.url, false), of_everything(&at, false));
    there.write("a", &large("1"));
    let slow = there.begin("a");
    assert_eq!(payload(slow.found), Some(large("1")));
    // This machine has never seen that it is large.
    here.destroy("a");
    assert_eq!(at.copy("a"), None);
    let record = Record::new(large("2"), in_an_hour());
    assert_eq!(there.commit("a", Change::Write(&record), slow.lease), Committed::Ended);
    assert_eq!(there.commit("a", Change::Touch(in_an_hour(), &Visitor::UNKNOWN), slow.lease), Committed::Ended);
    assert_eq!((at.copy("a"), there.visit("a")), (None, None));
    // The same as it would be for one who had committed to MySQL before the destroy, and comes to Redis behind it.
    let late = Lease { existed: true, ..Lease::default() };
    let committed = there.store.front().commit(id("a"), Change::Write(&record), late).unwrap();
    assert_eq!((committed, at.copy("a")), (Committed::Ended, None));
    // Whoever begins it anew has a session like any other.
    there.write("a", &large("3"));
    assert_eq!(there.visit("a"), Some(large("3")));
    assert!(at.copy("a").is_some());
}

#[test]
fn what_a_caller_knows_itself_is_not_asked_of_redis() {
    let at = Servers::start();
    let machine = at.machine();
    let expires = in_an_hour();
    let record = Record::new(large("1"), expires);
    let lease = machine.begin("a").lease;
    machine.commit("a", Change::Write(&record), lease);
    let calls = at.redis.calls("get");
    let begun = machine.store.begin(id("a"), Access::Exclusive, Some(record.version)).unwrap();
    assert_eq!(begun.found, Found::Current(expires));
    machine.commit("a", Change::None, begun.lease);
    assert_eq!(at.redis.calls("get"), calls);
}

#[test]
fn many_changes_go_to_mysql_and_older_copies_are_not_believed() {
    let at = Servers::start();
    let machine = at.machine();
    machine.write("a", &large("old"));
    let record = Record::new(large("new"), in_an_hour());
    let mut entry = vec![0; HEADER + record.payload.len()];
    encode_session(id("a"), &record, &mut entry);
    machine.store.apply(&mut [(id("a"), entry.as_slice())].into_iter()).unwrap();
    assert_eq!(machine.visit("a"), Some(large("new")));
}

#[test]
fn garbage_is_collected_in_mysql() {
    let at = Servers::start();
    let machine = at.machine();
    let lease = machine.begin("old").lease;
    machine.commit("old", Change::Write(&Record::new(large("1"), Expiry(now() - 1))), lease);
    machine.write("new", &large("1"));
    let swept = machine.store.sweep(now(), 100, 0, &mut |_| true).unwrap();
    assert_eq!((swept.collected, swept.more), (1, false));
    assert_eq!(payload(machine.begin("new").found), Some(large("1")));
}

#[test]
fn the_owner_and_the_leases_are_mysqls() {
    let at = Servers::start();
    let machine = at.machine();
    assert!(machine.store.has_leases() && !of_everything(&at, false).store.has_leases());
    assert_eq!(machine.store.owner(None).unwrap(), None);
    assert_eq!(machine.store.owner(Some("me")).unwrap().as_deref(), Some("me"));
    assert_eq!(at.redis.keys(), [] as [&str; 0]);
    assert_eq!(machine.store.bytes(), None);
    let lease = machine.begin("a").lease;
    assert!(machine.store.maintain(), "a lease is held");
    machine.commit("a", Change::None, lease);
}
