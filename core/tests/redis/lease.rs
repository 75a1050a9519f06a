//! Leases: two stores on one server are two machines.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use rustdb_core::backend::redis::Redis;
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Record, SessionId};
use rustdb_core::store::{Access, Backend, Change, Committed, Found, Lease, Store};
use rustdb_core::visitor::Visitor;

use crate::contract_support::{id, in_an_hour, lease, read, what_is_created_is_held, write};
use crate::server::{Server, machine, open, until, write_as};

const LOCK: &str = "PHPREDIS_SESSION:a_LOCK";

#[test]
fn a_session_has_one_machine_at_a_time() {
    let server = Server::start(&[]);
    let (one, two) = (machine(&server.url()), open(&server.url(), true, Duration::from_millis(300)));
    write(&one, "a", b"1", in_an_hour());
    let held = lease(&one, "a");
    assert_ne!(held.token, 0);
    assert!(held.existed);
    let error = two.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout, "{error}");
    assert!(error.to_string().contains("lock_wait"), "{error}");
    assert_eq!(read(&two, "a").as_deref(), Some(b"1".as_slice()), "a reader does not wait");
    assert_eq!(write_as(&one, "a", b"2", held), Committed::Done);
    let held = lease(&two, "a");
    assert_eq!(two.commit(id("a"), Change::None, held).unwrap(), Committed::Done);
    assert_eq!(server.text(&["GET", LOCK]), None);
}

#[test]
fn who_creates_a_session_has_it() {
    let server = Server::start(&[]);
    what_is_created_is_held(&machine(&server.url()), &open(&server.url(), true, Duration::ZERO));
}

#[test]
fn without_locking_nobody_waits() {
    let server = Server::start(&[]);
    let stores = [0, 1].map(|_| open(&server.url(), false, Duration::ZERO));
    let leases = [0, 1].map(|place: usize| lease(&stores[place], "a"));
    assert!(leases.iter().all(|lease| lease.token == 0));
    assert_eq!(write_as(&stores[0], "a", b"1", leases[0]), Committed::Done);
    assert_eq!(write_as(&stores[1], "a", b"2", leases[1]), Committed::Done);
    assert!(!stores[0].maintain());
}

#[test]
fn a_missing_session_is_locked_only_if_it_is_to_be_made() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    let begun = store.begin(id("a"), Access::ExclusiveIfExists, None).unwrap();
    assert_eq!((begun.found, begun.lease.token), (Found::Missing, 0));
    assert_eq!(server.keys(), [] as [&str; 0]);
    let held = lease(&store, "a");
    assert_eq!(server.keys(), [LOCK]);
    assert_eq!(write_as(&store, "a", b"1", held), Committed::Done);
    let begun = store.begin(id("a"), Access::ExclusiveIfExists, None).unwrap();
    assert_ne!(begun.lease.token, 0);
    assert_eq!(store.commit(id("a"), Change::None, begun.lease).unwrap(), Committed::Done);
}

#[test]
fn whoever_lost_the_lease_changes_nothing() {
    let server = Server::start(&[]);
    let (one, two) = (machine(&server.url()), machine(&server.url()));
    write(&one, "a", b"1", in_an_hour());
    for change in 0..4 {
        let held = lease(&one, "a");
        server.tell(&["DEL", LOCK]);
        let other = lease(&two, "a");
        let record = Record::new(b"lost".as_slice(), in_an_hour());
        let change =
            [Change::None, Change::Touch(in_an_hour(), &Visitor::UNKNOWN), Change::Write(&record), Change::Destroy]
                [change];
        assert_eq!(one.commit(id("a"), change, held).unwrap(), Committed::LeaseLost, "{change:?}");
        assert!(!one.maintain());
        assert_eq!(two.commit(id("a"), Change::None, other).unwrap(), Committed::Done, "{change:?}");
        assert_eq!(read(&one, "a").as_deref(), Some(b"1".as_slice()));
    }
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:a"]);
}

#[test]
fn a_lease_that_vanished_is_taken_again_if_nothing_has_changed_since() {
    let server = Server::start(&[]);
    let (one, two) = (machine(&server.url()), machine(&server.url()));
    write(&one, "a", b"1", in_an_hour());
    // The lock alone: nobody has touched the session.
    let held = lease(&one, "a");
    server.tell(&["DEL", LOCK]);
    assert_eq!(write_as(&one, "a", b"2", held), Committed::Done);
    // Everything: it is written again.
    let held = lease(&one, "a");
    server.tell(&["FLUSHALL"]);
    assert_eq!(write_as(&one, "a", b"3", held), Committed::Done);
    assert_eq!(read(&two, "a").as_deref(), Some(b"3".as_slice()));
    // Somebody had it in between, and wrote.
    let held = lease(&one, "a");
    server.tell(&["DEL", LOCK]);
    write(&two, "a", b"4", in_an_hour());
    assert_eq!(write_as(&one, "a", b"lost", held), Committed::LeaseLost);
    // Somebody destroyed it.
    let held = lease(&one, "a");
    server.tell(&["DEL", LOCK]);
    let other = lease(&two, "a");
    assert_eq!(two.commit(id("a"), Change::Destroy, other).unwrap(), Committed::Done);
    assert_eq!(write_as(&one, "a", b"lost", held), Committed::Ended);
    assert_eq!(read(&two, "a"), None);
    // Somebody made it.
    let held = lease(&one, "b");
    server.tell(&["DEL", "PHPREDIS_SESSION:b_LOCK"]);
    write(&two, "b", b"theirs", in_an_hour());
    assert_eq!(write_as(&one, "b", b"lost", held), Committed::LeaseLost);
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:a_GONE", "PHPREDIS_SESSION:b"]);
}

#[test]
fn a_missing_session_that_was_touched_stays_ours_until_it_is_written() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    write(&store, "a", b"1", in_an_hour());
    let held = lease(&store, "a");
    server.tell(&["DEL", "PHPREDIS_SESSION:a"]);
    assert_eq!(store.commit(id("a"), Change::Touch(in_an_hour(), &Visitor::UNKNOWN), held).unwrap(), Committed::Gone);
    assert!(server.text(&["GET", LOCK]).is_some());
    assert!(store.maintain(), "it is still prolonged");
    assert_eq!(write_as(&store, "a", b"1", held), Committed::Done);
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:a"]);
    assert!(!store.maintain());
}

#[test]
fn a_long_request_keeps_its_lease_and_a_dead_machine_does_not() {
    let server = Server::start(&[]);
    let (one, two) = (machine(&server.url()), machine(&server.url()));
    write(&one, "a", b"1", in_an_hour());
    let held = lease(&one, "a");
    // Longer than the lease lives by itself.
    for _ in 0..7 {
        std::thread::sleep(Duration::from_secs(1));
        assert!(one.maintain());
    }
    assert!(server.number(&["PTTL", LOCK]) > 0);
    assert!(one.notices().take().is_empty());
    assert_eq!(write_as(&one, "a", b"2", held), Committed::Done);
    // Its process is gone, and with it the background thread.
    let _dead = lease(&one, "a");
    drop(one);
    let begun = Instant::now();
    let held = lease(&two, "a");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(two.commit(id("a"), Change::None, held).unwrap(), Committed::Done);
}

#[test]
fn a_lease_found_lost_is_not_taken_back() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    let held = lease(&store, "a");
    server.tell(&["SET", LOCK, "somebody else"]);
    until("it is found lost", || !store.maintain());
    server.tell(&["DEL", LOCK]);
    assert!(!store.maintain());
    assert_eq!(server.keys(), [] as [&str; 0]);
    server.tell(&["SET", LOCK, "somebody else"]);
    assert_eq!(write_as(&store, "a", b"lost", held), Committed::LeaseLost);
}

#[test]
fn a_waiting_machine_is_woken() {
    let server = Server::start(&[]);
    let (one, two) = (machine(&server.url()), machine(&server.url()));
    let mut took: Vec<Duration> = (0..21)
        .map(|_| {
            let held = lease(&one, "a");
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| {
                    let held = lease(&two, "a");
                    (held, Instant::now())
                });
                until("the other one waits", || one.maintain() && server.has_sleepers());
                let released = Instant::now();
                assert_eq!(write_as(&one, "a", b"1", held), Committed::Done);
                let (other, at) = waiting.join().unwrap();
                assert_eq!(write_as(&two, "a", b"2", other), Committed::Done);
                at.duration_since(released)
            })
        })
        .collect();
    took.sort();
    let median = took[took.len() / 2];
    println!("from release to acquisition: median {median:?}, at worst {:?}", took[took.len() - 1]);
    // Without being woken it would look again after 250 ms.
    assert!(median < Duration::from_millis(100), "{took:?}");
    server.tell(&["DEL", "PHPREDIS_SESSION:a", "PHPREDIS_SESSION:a_WAIT"]);
    until("what waiting left is gone", || server.keys().is_empty());
}

#[test]
fn waiting_takes_few_tries() {
    let server = Server::start(&[]);
    let (one, two) = (machine(&server.url()), open(&server.url(), true, Duration::from_secs(2)));
    for (holder, most) in [("one of rustdb's", 20), ("web1|4711", 100)] {
        let held = lease(&one, "a");
        if most > 20 {
            server.tell(&["SET", LOCK, holder, "PX", "60000"]);
        }
        let before = server.calls("evalsha");
        assert!(two.begin(id("a"), Access::Exclusive, None).is_err());
        let tries = server.calls("evalsha") - before;
        println!("{tries} tries in 2 s for a lock of {holder}");
        assert!((2..=most).contains(&tries), "{tries} tries in 2 s for a lock of {holder}");
        let _ = one.commit(id("a"), Change::None, held);
    }
}

#[test]
fn machines_take_turns_and_lose_no_count() {
    const EACH: u32 = 150;
    let server = Server::start(&[]);
    let machines: Vec<Redis> = (0..4).map(|_| machine(&server.url())).collect();
    let barrier = Barrier::new(machines.len());
    let count = |store: &Redis| {
        barrier.wait();
        for _ in 0..EACH {
            let begun = store.begin(id("a"), Access::Exclusive, None).unwrap();
            let count: u32 = match begun.found {
                Found::Record(record) => std::str::from_utf8(&record.payload).unwrap().parse().unwrap(),
                _ => 0,
            };
            assert_eq!(write_as(store, "a", (count + 1).to_string().as_bytes(), begun.lease), Committed::Done);
        }
    };
    std::thread::scope(|scope| machines.iter().for_each(|store| drop(scope.spawn(|| count(store)))));
    let total = EACH * machines.len() as u32;
    assert_eq!(read(&machines[0], "a"), Some(total.to_string().into_bytes()));
}

#[test]
fn many_sessions_are_prolonged_in_one_round_trip() {
    let server = Server::start(&[]);
    let proxy = crate::proxy::Proxy::before(server.port());
    let store = machine(&proxy.url());
    let names: Vec<String> = (0..50).map(|number| format!("s{number}")).collect();
    let leases: Vec<(SessionId<'_>, Lease)> = names.iter().map(|name| (id(name), lease(&store, name))).collect();
    // Young ones are left alone.
    std::thread::sleep(Duration::from_millis(600));
    assert!(store.maintain());
    std::thread::sleep(Duration::from_millis(600));
    let before = proxy.round_trips();
    assert!(store.maintain());
    assert_eq!(proxy.round_trips() - before, 1);
    for (id, held) in leases {
        assert_eq!(store.commit(id, Change::None, held).unwrap(), Committed::Done);
    }
    assert_eq!(server.keys(), [] as [&str; 0]);
}

#[test]
fn a_payload_that_did_not_arrive_is_not_taken_for_what_is_there() {
    let server = Server::start(&[]);
    let commit = include_str!("../../src/backend/redis/commit.lua");
    for there in ["", "x"] {
        server.tell(&["SET", "s", there]);
        server.tell(&["SET", "l", "somebody else"]);
        let keys = ["s", "l", "g", "w", "n", "staged"];
        let arguments = ["token", "write", "1", "0", "60000", "300000", "", "1"];
        assert_eq!(server.number(&[&["EVAL", commit, "6"], &keys[..], &arguments[..]].concat()), 3, "{there:?}");
    }
}
