//! The contract, and what lies under which key.

use std::time::Duration;

use redis::Value;
use rustdb_core::backend::redis::Redis;
use rustdb_core::entry::{HEADER, encode_session, encode_tombstone};
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, MAX_LIFETIME, Record, now};
use rustdb_core::store::{Access, Backend, Batch, Change, Committed, Found, Lease, Store, Sweep, Swept};
use rustdb_core::visitor::Visitor;

use crate::contract_support::{id, in_an_hour, lease, read, write};
use crate::server::{Server, machine, open};

/// A store under test, and its server.
struct Fixture {
    store: Redis,
    server: Server,
}

/// A payload that goes past the scripts.
static LARGE: [u8; 100_000] = [b'L'; 100_000];

fn by_tcp() -> Fixture {
    let server = Server::start(&[]);
    Fixture { store: machine(&server.url()), server }
}

fn by_a_unix_socket() -> Fixture {
    let server = Server::start(&["--port", "0"]);
    Fixture { store: machine(&server.socket_url()), server }
}

fn without_locking() -> Fixture {
    let server = Server::start(&[]);
    Fixture { store: open(&server.socket_url(), false, Duration::from_secs(20)), server }
}

/// Redis before version 7 does not know this command.
fn without_pexpiretime() -> Fixture {
    let server = Server::start(&["--rename-command", "PEXPIRETIME", ""]);
    Fixture { store: machine(&server.socket_url()), server }
}

contract!(redis_by_tcp, by_tcp());
contract!(redis_by_a_unix_socket, by_a_unix_socket());
contract!(redis_without_locking, without_locking());

fn expiry(at: &Fixture, name: &str) -> Expiry {
    match at.store.begin(id(name), Access::ReadOnly, None).unwrap().found {
        Found::Record(record) => record.expires,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_lies_where_phpredis_has_it_and_nothing_else_stays() {
    let at = by_tcp();
    let expires = in_an_hour();
    write(&at.store, "abc", b"n|i:1;\x00\xff", expires);
    assert_eq!(at.server.keys(), ["PHPREDIS_SESSION:abc"]);
    let value = at.server.tell(&["GET", "PHPREDIS_SESSION:abc"]);
    assert_eq!(value, Value::BulkString(b"n|i:1;\x00\xff".to_vec()));
    // It is there during its last second and gone with the next.
    assert_eq!(at.server.number(&["PEXPIRETIME", "PHPREDIS_SESSION:abc"]), (expires.0 + 1) * 1000);
}

#[test]
fn a_large_session_is_written_under_the_same_conditions_as_a_small_one() {
    for at in [by_tcp(), by_a_unix_socket(), without_locking(), without_pexpiretime()] {
        let expires = in_an_hour();
        let record = Record::new(LARGE.as_slice(), expires);
        let fresh = || at.store.begin(id("a"), Access::Fresh, None).unwrap().lease;
        assert_eq!(at.store.commit(id("a"), Change::Write(&record), fresh()).unwrap(), Committed::Done);
        assert_eq!(at.store.commit(id("a"), Change::Write(&record), fresh()).unwrap(), Committed::Collision);
        assert_eq!(read(&at.store, "a").as_deref(), Some(LARGE.as_slice()));
        assert!((expiry(&at, "a").0 - expires.0).abs() <= 1);
        // Over a small one, over one that somebody else made or ended meanwhile, and over one that was never there.
        write(&at.store, "a", b"small", expires);
        write(&at.store, "a", &LARGE, expires);
        for command in [["SET", "PHPREDIS_SESSION:a", "x"].as_slice(), &["DEL", "PHPREDIS_SESSION:a"]] {
            let held = lease(&at.store, "a");
            at.server.tell(command);
            assert_eq!(at.store.commit(id("a"), Change::Write(&record), held).unwrap(), Committed::Done);
            let held = lease(&at.store, "b");
            at.server.tell(&["SET", "PHPREDIS_SESSION:b", "x"]);
            assert_eq!(at.store.commit(id("b"), Change::Write(&record), held).unwrap(), Committed::Done);
            at.server.tell(&["DEL", "PHPREDIS_SESSION:b"]);
        }
        assert_eq!(read(&at.store, "a").as_deref(), Some(LARGE.as_slice()));
        assert!((expiry(&at, "a").0 - expires.0).abs() <= 1);
        assert_eq!(at.server.keys(), ["PHPREDIS_SESSION:a"], "nothing else stays");
    }
    // Whoever has lost the lease writes nothing, and leaves nothing.
    let at = by_tcp();
    let record = Record::new(LARGE.as_slice(), in_an_hour());
    write(&at.store, "a", b"1", in_an_hour());
    let held = lease(&at.store, "a");
    at.server.tell(&["SET", "PHPREDIS_SESSION:a_LOCK", "theirs", "PX", "100000"]);
    assert_eq!(at.store.commit(id("a"), Change::Write(&record), held).unwrap(), Committed::LeaseLost);
    assert_eq!(at.server.text(&["GET", "PHPREDIS_SESSION:a"]).as_deref(), Some("1"));
    assert_eq!(at.server.keys(), ["PHPREDIS_SESSION:a", "PHPREDIS_SESSION:a_LOCK"]);
}

#[test]
fn the_prefix_and_the_database_are_the_urls() {
    let server = Server::start(&[]);
    let store = machine(&format!("{}/3?prefix=site%3A", server.url()));
    write(&store, "abc", b"x", in_an_hour());
    assert_eq!(server.keys(), [] as [&str; 0]);
    let mut connection = redis::Client::open(format!("{}/3", server.url())).unwrap().get_connection().unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(keys, ["site:abc"]);
    let wrong = machine(&format!("{}/99", server.url()));
    let error = wrong.begin(id("abc"), Access::ReadOnly, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("out of range"), "{error}");
}

#[test]
fn urls_with_mistakes_are_refused() {
    for (url, part) in [
        ("redis://localhost/name", "name"),
        ("redis://localhost?prefx=a", "prefx"),
        ("redis://localhost?ca=/etc/hosts", "rediss"),
        ("rediss://localhost?socket=/run/redis.sock", "redis+unix"),
        ("rediss://localhost?verify=maybe", "maybe"),
        ("rediss://localhost?ca=/nowhere", "/nowhere"),
        ("rediss://localhost?ca=/etc/hosts", "/etc/hosts"),
        ("rediss://localhost?verify=0&cert=/etc/hosts", "key="),
    ] {
        let server = rustdb_core::server::Server::parse(url).unwrap().unwrap();
        let error = Redis::open(&server, true, Duration::ZERO).err().expect(url);
        assert!(error.to_string().contains(part), "{url}: {error}");
    }
}

#[test]
fn an_older_server_keeps_expiries_to_about_a_second() {
    let at = without_pexpiretime();
    let expires = in_an_hour();
    write(&at.store, "a", b"x", expires);
    assert!((expiry(&at, "a").0 - expires.0).abs() <= 1);
    let later = Expiry(expires.0 + 1000);
    at.store.commit(id("a"), Change::Touch(later, &Visitor::UNKNOWN), Lease::default()).unwrap();
    assert!((expiry(&at, "a").0 - later.0).abs() <= 1);
}

#[test]
fn a_machine_with_a_wrong_clock_ends_no_session_early() {
    let server = Server::start(&[]);
    let scripts =
        [include_str!("../../src/backend/redis/commit.lua"), include_str!("../../src/backend/redis/apply.lua")];
    for hours in [-2, 2] {
        // What such a machine says: an end by its own clock, and what is left until then.
        let end = ((now() + 60 + hours * 3600) * 1000).to_string();
        for change in ["write", "touch"] {
            server.tell(&[
                "EVAL", scripts[0], "5", "a", "a_LOCK", "a_GONE", "a_WAIT", "a_NEXT", "", change, "", &end, "60000",
                "1", "x", "",
            ]);
            assert!((59_000..=60_000).contains(&server.number(&["PTTL", "a"])), "{change}");
        }
        server.tell(&["EVAL", scripts[1], "1", "b", &end, "60000", "x", ""]);
        assert!((59_000..=60_000).contains(&server.number(&["PTTL", "b"])));
    }
}

#[test]
fn a_session_without_an_end_is_there_and_gets_one_when_touched() {
    let at = by_tcp();
    at.server.tell(&["SET", "PHPREDIS_SESSION:a", "n|i:1;"]);
    assert!(expiry(&at, "a") >= Expiry::after(now(), MAX_LIFETIME - 60));
    let held = lease(&at.store, "a");
    assert_eq!(
        at.store.commit(id("a"), Change::Touch(in_an_hour(), &Visitor::UNKNOWN), held).unwrap(),
        Committed::Done
    );
    assert!(expiry(&at, "a") <= in_an_hour());
    assert_eq!(read(&at.store, "a").as_deref(), Some(b"n|i:1;".as_slice()));
}

#[test]
fn a_key_that_is_no_string_is_refused_and_left_alone() {
    let at = by_tcp();
    at.server.tell(&["HSET", "PHPREDIS_SESSION:a", "data", "x"]);
    let error = at.store.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("prefix="), "{error}");
    assert_eq!(at.server.keys(), ["PHPREDIS_SESSION:a"]);
}

#[test]
fn what_was_evicted_is_written_again_and_what_was_destroyed_is_not() {
    for at in [by_tcp(), without_locking()] {
        let record = Record::new(b"new".as_slice(), in_an_hour());
        write(&at.store, "evicted", b"old", in_an_hour());
        let held = lease(&at.store, "evicted");
        at.server.tell(&["DEL", "PHPREDIS_SESSION:evicted"]);
        assert_eq!(
            at.store.commit(id("evicted"), Change::Touch(in_an_hour(), &Visitor::UNKNOWN), held).unwrap(),
            Committed::Gone
        );
        assert_eq!(at.store.commit(id("evicted"), Change::Write(&record), held).unwrap(), Committed::Done);
        assert_eq!(read(&at.store, "evicted").as_deref(), Some(b"new".as_slice()));
    }
    // Without locking two requests have the session at once.
    let at = without_locking();
    let record = Record::new(b"old data".as_slice(), in_an_hour());
    let large = Record::new(LARGE.as_slice(), in_an_hour());
    write(&at.store, "a", b"1", in_an_hour());
    let (slow, quick) = (lease(&at.store, "a"), lease(&at.store, "a"));
    at.store.commit(id("a"), Change::Destroy, quick).unwrap();
    assert_eq!(at.store.commit(id("a"), Change::Write(&record), slow).unwrap(), Committed::Ended);
    assert_eq!(at.store.commit(id("a"), Change::Write(&large), slow).unwrap(), Committed::Ended);
    assert_eq!(at.server.keys(), ["PHPREDIS_SESSION:a_GONE"]);
    assert_eq!(
        at.store.commit(id("a"), Change::Touch(in_an_hour(), &Visitor::UNKNOWN), slow).unwrap(),
        Committed::Ended
    );
    assert_eq!(read(&at.store, "a"), None);
    // Who begins afterwards may have it again, and it is a session like any other then.
    write(&at.store, "a", b"2", in_an_hour());
    let held = lease(&at.store, "a");
    at.server.tell(&["DEL", "PHPREDIS_SESSION:a"]);
    assert_eq!(at.store.commit(id("a"), Change::Write(&record), held).unwrap(), Committed::Done);
}

#[test]
fn what_is_brought_over_without_a_lock_is_inserted_unless_it_is_there_or_has_ended() {
    for payload in [b"brought".as_slice(), &LARGE] {
        let at = without_locking();
        let record = Record::new(payload, in_an_hour());
        let bring = || {
            let lease = Lease { fresh: true, existed: true, ..Lease::default() };
            at.store.commit(id("a"), Change::Write(&record), lease).unwrap()
        };
        assert_eq!(bring(), Committed::Done);
        write(&at.store, "a", b"newer", in_an_hour());
        assert_eq!(bring(), Committed::Collision);
        assert_eq!(read(&at.store, "a").as_deref(), Some(b"newer".as_slice()));
        at.store.commit(id("a"), Change::Destroy, Lease::default()).unwrap();
        assert_eq!(bring(), Committed::Ended);
        assert_eq!(at.server.keys(), ["PHPREDIS_SESSION:a_GONE"]);
    }
}

#[test]
fn a_tombstone_goes_by_itself() {
    let at = by_tcp();
    let held = lease(&at.store, "a");
    at.store.commit(id("a"), Change::Destroy, held).unwrap();
    assert_eq!(at.server.keys(), ["PHPREDIS_SESSION:a_GONE"]);
    let left = at.server.number(&["TTL", "PHPREDIS_SESSION:a_GONE"]);
    assert!((1..=300).contains(&left), "{left}");
}

#[test]
fn many_changes_are_applied_in_one_call() {
    let at = by_tcp();
    write(&at.store, "goes", b"x", in_an_hour());
    let payload: Vec<u8> = (0..=255).cycle().take(2000).collect();
    let record = Record::new(payload.clone(), in_an_hour());
    let names: Vec<String> = (0..2000).map(|number| format!("s{number}")).collect();
    let mut entries: Vec<(&str, Vec<u8>)> = Vec::new();
    for name in &names {
        let mut entry = vec![0; HEADER + record.payload.len()];
        encode_session(id(name), &record, &mut entry);
        entries.push((name, entry));
    }
    entries.push(("goes", encode_tombstone(id("goes")).to_vec()));
    let before = at.server.calls("evalsha");
    at.store.apply(&mut entries.iter().map(|(name, entry)| (id(name), entry.as_slice()))).unwrap();
    assert_eq!(at.server.calls("evalsha") - before, 1);
    assert_eq!(at.server.keys().len(), 2000);
    assert_eq!(expiry(&at, "s1999"), record.expires);
    assert_eq!(read(&at.store, "s7"), Some(payload));
    at.store.apply(&mut std::iter::empty()).unwrap();
}

#[test]
fn a_server_without_memory_keeps_the_old_state_and_still_destroys() {
    for payload in [b"new".to_vec(), LARGE.to_vec()] {
        fill(&Record::new(payload, in_an_hour()));
    }
}

fn fill(record: &Record<'_>) {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let store = machine(&server.url());
    write(&store, "a", b"old", in_an_hour());
    let held = lease(&store, "a");
    server.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = store.commit(id("a"), Change::Write(record), held).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.to_string().contains("maxmemory"), "{error}");
    assert_eq!(store.begin(id("a"), Access::Exclusive, None).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:a"], "the lock is let go");
    assert!(!store.maintain(), "and nobody prolongs it");
    let mut entry = vec![0; HEADER + record.payload.len()];
    encode_session(id("a"), record, &mut entry);
    let error = store.apply(&mut [(id("a"), entry.as_slice())].into_iter()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert_eq!(read(&store, "a").as_deref(), Some(b"old".as_slice()));
    assert_eq!(store.commit(id("a"), Change::Destroy, Lease::default()).unwrap(), Committed::Done);
    assert_eq!(read(&store, "a"), None);
}

#[test]
fn a_replica_is_told_from_a_master() {
    let at = by_tcp();
    write(&at.store, "a", b"x", in_an_hour());
    at.server.tell(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = at.store.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("replica"), "{error}");
}

#[test]
fn there_is_nothing_to_sweep() {
    let at = by_tcp();
    assert_eq!(at.store.sweep(now(), 100, 0, &mut |_| true).unwrap(), Swept::default());
    assert!(at.store.has_leases());
    assert!(!without_locking().store.has_leases());
    assert_eq!(at.store.bytes(), None);
}
