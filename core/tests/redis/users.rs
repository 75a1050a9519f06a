//! Whose sessions they are: the sets of users, and what they lead to.

use rustdb_core::backend::redis::Redis;
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Backend, ByUser, Change, Committed, Lease, Store, Whose};
use rustdb_core::visitor::{User, Visitor};

use crate::contract_support::{id, in_an_hour, lease, of_user, read, write, write_of};
use crate::nodes::Nodes;
use crate::proxy::Proxy;
use crate::server::{Server, machine, until};

const SET: &str = "PHPREDIS_SESSION:_USER_41";

fn emma() -> User<'static> {
    User::Is("41".into())
}

/// Who names the user 41 and says no more.
fn visitor() -> Visitor<'static> {
    Visitor::new(&emma(), None, None)
}

/// A session of the user 41.
pub fn record(expires: Expiry) -> Record<'static> {
    Record { visitor: visitor(), ..Record::new(b"user|s:2:\"41\";".as_slice(), expires) }
}

/// The members of the user's set, those that end first first.
fn members(server: &Server) -> Vec<String> {
    redis::from_redis_value(server.tell(&["ZRANGE", SET, "0", "-1"])).unwrap()
}

fn score(server: &Server, name: &str) -> i64 {
    server.text(&["ZSCORE", SET, name]).unwrap().parse().unwrap()
}

fn touch(store: &Redis, name: &str, expires: Expiry) {
    let held = lease(store, name);
    assert_eq!(store.commit(id(name), Change::Touch(expires, &visitor()), held).unwrap(), Committed::Done);
}

#[test]
fn a_set_has_the_ends_of_its_sessions_and_ends_with_the_last() {
    for options in [[].as_slice(), &["--rename-command", "PEXPIRETIME", ""]] {
        let server = Server::start(options);
        let store = machine(&server.url());
        let left = |key: &str| server.number(&["PTTL", key]);
        let is_close = |one: i64, other: i64| (one - other).abs() < 1500;
        write_of(&store, "a", &emma(), Expiry(now() + 1000));
        write_of(&store, "b", &emma(), Expiry(now() + 3000));
        write_of(&store, "c", &emma(), Expiry(now() + 2000));
        assert_eq!(server.text(&["TYPE", SET]).unwrap(), "zset");
        assert_eq!(members(&server), ["a", "c", "b"]);
        assert!(is_close(left(SET), left("PHPREDIS_SESSION:b")));
        if options.is_empty() {
            for name in ["a", "b", "c"] {
                let key = format!("PHPREDIS_SESSION:{name}");
                assert_eq!(score(&server, name), server.number(&["PEXPIRETIME", &key]), "{name}");
            }
            assert_eq!(server.number(&["PEXPIRETIME", SET]), score(&server, "b"));
        }
        // Its last one is moved, both ways.
        for seconds in [9000, 500] {
            touch(&store, "b", Expiry(now() + seconds));
            assert!(is_close(left(SET), seconds.max(2000) * 1000), "{seconds}");
        }
        assert_eq!(members(&server), ["b", "a", "c"]);
        assert_eq!(of_user(&store, "41"), ["a", "b", "c"]);
    }
}

#[test]
fn a_machine_with_a_wrong_clock_notes_what_is_left() {
    let server = Server::start(&[]);
    for hours in [-2, 2] {
        // What such a machine says: an end by its own clock, and what is left until then.
        let end = ((now() + 60 + hours * 3600) * 1000).to_string();
        let hint = include_str!("../../src/backend/redis/hint.lua");
        server.tell(&["ZADD", SET, &((now() + 30) * 1000).to_string(), "other"]);
        server.tell(&["EVAL", hint, "1", SET, "a", &end, "60000", ""]);
        let ends = score(&server, "a") - now() * 1000;
        assert!((58_000..=61_000).contains(&ends), "{hours}: {ends}");
        assert_eq!(members(&server), ["other", "a"], "{hours}: nothing of other machines goes early");
        assert!((58_000..=60_000).contains(&server.number(&["PTTL", SET])), "{hours}");
    }
}

#[test]
fn what_is_over_leaves_the_set_when_the_next_one_comes() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    for number in 0..50 {
        server.tell(&["ZADD", SET, &((now() - 100 + number) * 1000).to_string(), &format!("old{number}")]);
    }
    write_of(&store, "a", &emma(), in_an_hour());
    assert_eq!(members(&server), ["a"]);
    // A session that is over before it is written leaves nothing, and takes nobody's with it.
    write_of(&store, "b", &emma(), Expiry(now() - 1));
    write_of(&store, "b", &emma(), Expiry(now() - 1000));
    assert_eq!(members(&server).last().unwrap(), "a");
    until("what is over has gone", || of_user(&store, "41") == ["a"] && members(&server) == ["a"]);
    server.tell(&["DEL", SET]);
    write_of(&store, "b", &emma(), Expiry(now() - 1));
    until("it has gone", || server.keys() == ["PHPREDIS_SESSION:a"]);
}

#[test]
fn a_session_of_nobody_costs_nothing() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    write_of(&store, "a", &User::Nobody, in_an_hour());
    write(&store, "b", b"x", in_an_hour());
    let asked = server.calls("evalsha");
    for user in [User::Nobody, User::Unknown] {
        write_of(&store, "a", &user, in_an_hour());
    }
    assert_eq!(server.calls("evalsha") - asked, 4);
    assert_eq!(server.calls("zadd"), 0);
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:a", "PHPREDIS_SESSION:b"]);
}

#[test]
fn hints_that_lead_to_nothing_of_the_users_are_removed_when_somebody_looks() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    for name in ["stays", "destroyed", "evicted", "logged-out", "changed"] {
        write_of(&store, name, &emma(), in_an_hour());
    }
    let held = lease(&store, "destroyed");
    assert_eq!(store.commit(id("destroyed"), Change::Destroy, held).unwrap(), Committed::Done);
    server.tell(&["DEL", "PHPREDIS_SESSION:evicted"]);
    write_of(&store, "logged-out", &User::Nobody, in_an_hour());
    write_of(&store, "changed", &User::Is("7".into()), in_an_hour());
    // What was refused is not written, and is no session of the user's.
    let fresh = store.begin(id("changed"), Access::Fresh, None).unwrap().lease;
    let refused = store.commit(id("changed"), Change::Write(&record(in_an_hour())), fresh).unwrap();
    assert_eq!(refused, Committed::Collision);
    for junk in ["", "no id", "a_LOCK", &"x".repeat(300)] {
        server.tell(&["ZADD", SET, &(now() * 2000).to_string(), junk]);
    }
    assert_eq!(members(&server).len(), 9);
    assert_eq!(of_user(&store, "41"), ["stays"]);
    assert_eq!(members(&server), ["stays"]);
    assert_eq!(of_user(&store, "7"), ["changed"]);
    assert!(store.notices().take().is_empty());
}

#[test]
fn a_hint_that_was_made_anew_meanwhile_is_not_removed() {
    let server = Server::start(&[]);
    let forget = include_str!("../../src/backend/redis/forget.lua");
    server.tell(&["ZADD", SET, "1800000001000", "old", "1800000009000", "new"]);
    server.tell(&["EVAL", forget, "1", SET, "old", "1800000001000", "new", "1800000001000", "gone", "1", ""]);
    assert_eq!(members(&server), ["new"]);
}

#[test]
fn a_limit_is_kept_without_looking_at_everything() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    for number in 0..100 {
        write_of(&store, &format!("s{number}"), &emma(), Expiry(now() + 1000 + number));
    }
    let whose = Whose { user: "41", now: now(), limit: 40, is_theirs: &|_| Some(true) };
    let looked = server.calls("get");
    let mut found: Vec<String> =
        store.of_user(whose).unwrap().iter().map(|listed| String::from_utf8_lossy(&listed.id).into_owned()).collect();
    assert_eq!(server.calls("get") - looked, 40);
    found.sort();
    let mut last: Vec<String> = (60..100).map(|number| format!("s{number}")).collect();
    last.sort();
    assert_eq!(found, last, "those that end last");
    // The others are found behind any number of hints that lead nowhere.
    for first in (0..2500).step_by(100) {
        let words: Vec<String> =
            (first..first + 100).flat_map(|number| [(now() * 2000).to_string(), format!("gone{number}")]).collect();
        server.tell(&["ZADD", SET].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>());
    }
    assert_eq!(store.of_user(whose).unwrap().len(), 40);
    assert_eq!(members(&server).len(), 100);
    assert_eq!(of_user(&store, "41").len(), 100);
}

#[test]
fn a_set_that_is_lost_comes_back_with_the_sessions_next_change() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    for name in ["touched", "written", "idle"] {
        write_of(&store, name, &emma(), in_an_hour());
    }
    server.tell(&["DEL", SET]);
    assert!(of_user(&store, "41").is_empty());
    touch(&store, "touched", in_an_hour());
    assert_eq!(of_user(&store, "41"), ["touched"]);
    write_of(&store, "written", &emma(), in_an_hour());
    assert_eq!(of_user(&store, "41"), ["touched", "written"]);
    // With the sessions too.
    let held = lease(&store, "idle");
    server.tell(&["FLUSHALL"]);
    let record = record(in_an_hour());
    assert_eq!(
        store.commit(id("idle"), Change::Touch(record.expires, &record.visitor), held).unwrap(),
        Committed::Gone
    );
    assert_eq!(store.commit(id("idle"), Change::Write(&record), held).unwrap(), Committed::Done);
    assert_eq!(of_user(&store, "41"), ["idle"]);
}

#[test]
fn a_session_that_is_created_with_its_lease_is_found() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    let held = store.create(id("a"), &record(in_an_hour())).unwrap().unwrap();
    assert_eq!(of_user(&store, "41"), ["a"]);
    assert_eq!(store.commit(id("a"), Change::None, held).unwrap(), Committed::Done);
    let fresh = store.begin(id("b"), Access::Fresh, None).unwrap().lease;
    assert_eq!(store.commit(id("b"), Change::Write(&record(in_an_hour())), fresh).unwrap(), Committed::Done);
    assert_eq!(of_user(&store, "41"), ["a", "b"]);
}

#[test]
fn whatever_a_user_is_called_only_theirs_are_found() {
    let server = Server::start(&[]);
    let names = [
        "41",
        "4",
        "41 ",
        "a b",
        "{41}",
        "{",
        "}",
        "}{",
        "{}",
        "{}{41}",
        "_LOCK",
        "*",
        "?",
        "[4]1",
        "\\",
        "\"",
        "'",
        "$6",
        "ünï ✓ \u{1f40d}",
        &"x".repeat(191),
        &"x".repeat(190),
        "_USER_41",
        "41:_USER_",
    ];
    let nodes = Nodes::shared();
    for url in [server.url(), nodes.url("?prefix=names:"), nodes.url("?prefix={names}:")] {
        let store = machine(&url);
        for (number, name) in names.iter().enumerate() {
            write_of(&store, &format!("one{number}"), &User::by(*name), in_an_hour());
            write_of(&store, &format!("two{number}"), &User::by(*name), in_an_hour());
        }
        for (number, name) in names.iter().enumerate() {
            assert_eq!(of_user(&store, name), [format!("one{number}"), format!("two{number}")], "{url}: {name}");
        }
        assert!(store.notices().take().is_empty());
    }
}

#[test]
fn each_prefix_has_users_of_its_own() {
    let server = Server::start(&[]);
    let (one, two) = (machine(&(server.url() + "?prefix=one%3A")), machine(&(server.url() + "?prefix=two%3A")));
    write_of(&one, "a", &emma(), in_an_hour());
    write_of(&two, "b", &emma(), in_an_hour());
    assert_eq!((of_user(&one, "41"), of_user(&two, "41")), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(server.keys(), ["one:_USER_41", "one:a", "two:_USER_41", "two:b"]);
}

#[test]
fn a_hint_that_cannot_be_made_fails_nothing_and_is_told() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    server.tell(&["SET", SET, "somebody else's"]);
    write_of(&store, "a", &emma(), in_an_hour());
    assert!(read(&store, "a").is_some());
    let notices = store.notices().take();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].to_string().contains("not found by their user"), "{}", notices[0]);
    let whose = Whose { user: "41", now: now(), limit: 10, is_theirs: &|_| Some(true) };
    assert_eq!(store.of_user(whose).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(server.text(&["GET", SET]).as_deref(), Some("somebody else's"));
    // Whoever may not use sorted sets, as those whose rights are from before.
    server.tell(&["ACL", "SETUSER", "web", "on", ">pw", "~*", "+@all", "-@sortedset"]);
    let store = machine(&server.url().replace("://", "://web:pw@"));
    server.tell(&["DEL", SET]);
    write_of(&store, "a", &emma(), in_an_hour());
    let held = store.create(id("b"), &record(in_an_hour())).unwrap().unwrap();
    assert_eq!(store.commit(id("b"), Change::None, held).unwrap(), Committed::Done);
    let notices = store.notices().take();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].to_string().contains("+zadd"), "{}", notices[0]);
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:a", "PHPREDIS_SESSION:b"]);
}

#[test]
fn an_answer_that_is_lost_costs_no_hint() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port());
    let store = machine(&proxy.url());
    write_of(&store, "a", &emma(), in_an_hour());
    server.tell(&["DEL", SET]);
    let held = lease(&store, "a");
    proxy.lose_an_answer();
    assert_eq!(store.commit(id("a"), Change::Write(&record(in_an_hour())), held).unwrap(), Committed::Done);
    assert!(proxy.has_lost());
    assert_eq!(of_user(&store, "41"), ["a"]);
}

#[test]
fn what_a_lease_that_was_lost_could_not_write_is_not_found() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    write_of(&store, "a", &User::Is("7".into()), in_an_hour());
    let held = lease(&store, "a");
    server.tell(&["SET", "PHPREDIS_SESSION:a_LOCK", "theirs", "PX", "100000"]);
    let lost = store.commit(id("a"), Change::Write(&record(in_an_hour())), held).unwrap();
    assert_eq!(lost, Committed::LeaseLost);
    assert_eq!((of_user(&store, "41").len(), of_user(&store, "7")), (0, vec!["a".to_owned()]));
    assert_eq!(store.commit(id("a"), Change::Destroy, Lease::default()).unwrap(), Committed::Done);
    assert!(of_user(&store, "7").is_empty());
}
