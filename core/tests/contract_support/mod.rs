//! The cases of the store contract that hold for every store, with leases and without.

#![allow(dead_code, unused_macros)] // Each test binary uses its own part of this module.

use std::time::{Duration, Instant};

use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, SessionId, now};
use rustdb_core::store::{Access, ByUser, Change, Committed, Found, Lease, Store, Whose};
use rustdb_core::visitor::{User, Visitor};

/// Nobody knows who uses it.
pub const SOMEBODY: &Visitor<'static> = &Visitor::UNKNOWN;

/// A session id.
pub fn id(text: &str) -> SessionId<'_> {
    SessionId::parse(text.as_bytes()).unwrap()
}

/// Writes a session of a user, or of nobody.
pub fn write_of(store: &dyn Store, name: &str, user: &User<'_>, expires: Expiry) {
    let begun = store.begin(id(name), Access::Exclusive, None).unwrap();
    let payload = match user {
        User::Is(user) => format!("user|s:{}:\"{user}\";", user.len()),
        User::Nobody | User::Unknown => "n|i:1;".to_owned(),
    };
    let visitor = Visitor::new(user, Some("192.0.2.7"), Some(b"Mozilla/5.0"));
    let record = Record { visitor, ..Record::new(payload.into_bytes(), expires) };
    assert_eq!(store.commit(id(name), Change::Write(&record), begun.lease).unwrap(), Committed::Done);
}

/// The sessions of a user, in the order of their ids. Those that name the user inside are the user's.
pub fn of_user(store: &dyn ByUser, user: &str) -> Vec<String> {
    let is_theirs = |payload: &[u8]| Some(payload == format!("user|s:{}:\"{user}\";", user.len()).as_bytes());
    let found = store.of_user(Whose { user, now: now(), limit: 100, is_theirs: &is_theirs }).unwrap();
    let mut ids: Vec<_> = found.iter().map(|listed| String::from_utf8(listed.id.to_vec()).unwrap()).collect();
    ids.sort();
    ids
}

/// Whether a store finds sessions by their user.
pub fn check_users(store: &impl ByUser) {
    let user = |name: &'static str| User::Is(name.into());
    for name in ["a1", "a2", "a3"] {
        write_of(store, name, &user("41"), in_an_hour());
    }
    write_of(store, "b", &user("4"), in_an_hour());
    write_of(store, "c", &User::Nobody, in_an_hour());
    write_of(store, "expired", &user("41"), Expiry(now() - 1));
    assert_eq!(of_user(store, "41"), ["a1", "a2", "a3"]);
    assert_eq!(of_user(store, "4"), ["b"]);
    assert!(of_user(store, "1").is_empty());
    // Logged out, logged in as somebody else, and ended.
    write_of(store, "a1", &User::Nobody, in_an_hour());
    write_of(store, "b", &user("41"), in_an_hour());
    let begun = store.begin(id("a2"), Access::Exclusive, None).unwrap();
    assert_eq!(store.commit(id("a2"), Change::Destroy, begun.lease).unwrap(), Committed::Done);
    assert_eq!(of_user(store, "41"), ["a3", "b"]);
    assert!(of_user(store, "4").is_empty());
    // Who only prolongs a session says whose it is as well.
    let begun = store.begin(id("a3"), Access::Exclusive, None).unwrap();
    let visitor = Visitor::new(&user("41"), None, None);
    let touch = Change::Touch(Expiry(now() + 9000), &visitor);
    assert_eq!(store.commit(id("a3"), touch, begun.lease).unwrap(), Committed::Done);
    let whose = Whose { user: "41", now: now(), limit: 100, is_theirs: &|payload| Some(payload.starts_with(b"user|")) };
    let found = store.of_user(whose).unwrap();
    let touched = found.iter().find(|listed| *listed.id == *b"a3").unwrap();
    assert!((now() + 8990..now() + 9010).contains(&touched.expires.0), "{touched:?}");
    assert_eq!(store.of_user(Whose { limit: 1, ..whose }).unwrap().len(), 1);
}

/// An expiry.
pub fn in_an_hour() -> Expiry {
    Expiry::after(now(), 3600)
}

/// Begins a session, writes it and lets go of it.
pub fn write(store: &impl Store, name: &str, payload: &[u8], expires: Expiry) {
    let begun = store.begin(id(name), Access::Exclusive, None).unwrap();
    let record = Record::new(payload.to_vec(), expires);
    let committed = store.commit(id(name), Change::Write(&record), begun.lease).unwrap();
    assert_eq!(committed, Committed::Done);
}

/// Reads a session, whoever uses it.
pub fn read(store: &impl Store, name: &str) -> Option<Vec<u8>> {
    match store.begin(id(name), Access::ReadOnly, None).unwrap().found {
        Found::Record(record) => Some(record.payload.into_owned()),
        Found::Missing => None,
        Found::Current(_) => panic!("nothing is known, so nothing can be current"),
    }
}

/// Begins a session.
pub fn lease(store: &impl Store, name: &str) -> Lease {
    store.begin(id(name), Access::Exclusive, None).unwrap().lease
}

/// Who creates a session has it, and who has a session that is not there yet keeps others from creating it. `one` and
/// `two` are machines that share a store, of which `two` does not wait for long.
pub fn what_is_created_is_held(one: &impl Store, two: &impl Store) {
    let record = Record::new(b"created".as_slice(), in_an_hour());
    let held = one.create(id("created"), &record).unwrap().unwrap();
    assert_eq!(two.begin(id("created"), Access::Exclusive, None).unwrap_err().kind(), ErrorKind::LockTimeout);
    assert_eq!(two.create(id("created"), &record).unwrap(), None);
    assert_eq!(one.commit(id("created"), Change::None, held).unwrap(), Committed::Done);
    // Who lets go of a lease does not wait until a busy server has done it.
    soon(|| {
        two.begin(id("created"), Access::Exclusive, None).is_ok_and(|begun| {
            let changed = Record::new(b"changed".as_slice(), in_an_hour());
            two.commit(id("created"), Change::Write(&changed), begun.lease).unwrap() == Committed::Done
        })
    });
    assert_eq!(read(one, "created").as_deref(), Some(b"changed".as_slice()));
    let held = lease(one, "held");
    assert_eq!(two.create(id("held"), &record).unwrap(), None);
    assert_eq!(read(two, "held"), None);
    assert_eq!(one.commit(id("held"), Change::None, held).unwrap(), Committed::Done);
    soon(|| two.create(id("held"), &record).unwrap().is_some());
}

/// Waits until something is so.
fn soon(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never came to be so");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The cases, for a store that `$make` makes: a value with the field `store`.
macro_rules! contract {
    ($name:ident, $make:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn a_session_that_was_never_written_is_missing() {
                let at = $make;
                assert_eq!(read(&at.store, "nobody"), None);
            }

            #[test]
            fn a_written_session_is_read_back_to_the_byte() {
                let at = $make;
                let payload: Vec<u8> = (0..=255).cycle().take(70_000).collect();
                write(&at.store, "a", &payload, in_an_hour());
                write(&at.store, "b", b"", in_an_hour());
                assert_eq!(read(&at.store, "a"), Some(payload));
                assert_eq!(read(&at.store, "b"), Some(Vec::new()));
            }

            #[test]
            fn ids_that_differ_in_case_or_length_are_different_sessions() {
                let at = $make;
                let long = "x".repeat(256);
                for name in ["abc", "ABC", "ab", "abcd", "a-b", "a,b", &long, &long[..255]] {
                    write(&at.store, name, name.as_bytes(), in_an_hour());
                }
                for name in ["abc", "ABC", "ab", "abcd", "a-b", "a,b", &long, &long[..255]] {
                    assert_eq!(read(&at.store, name).as_deref(), Some(name.as_bytes()));
                }
            }

            #[test]
            fn the_sessions_of_a_user_are_found_until_they_end_or_are_somebody_elses() {
                let at = $make;
                crate::contract_support::check_users(&at.store);
            }

            #[test]
            fn an_expired_session_is_missing_before_anybody_collects_it() {
                let at = $make;
                write(&at.store, "old", b"data", Expiry(now() - 1));
                assert_eq!(read(&at.store, "old"), None);
                write(&at.store, "old", b"new", in_an_hour());
                assert_eq!(read(&at.store, "old").as_deref(), Some(b"new".as_slice()));
            }

            #[test]
            fn touching_moves_the_expiry_and_keeps_the_payload() {
                let at = $make;
                write(&at.store, "a", b"data", Expiry(now() + 10));
                let later = in_an_hour();
                let lease = lease(&at.store, "a");
                assert_eq!(
                    at.store.commit(id("a"), Change::Touch(later, crate::contract_support::SOMEBODY), lease).unwrap(),
                    Committed::Done
                );
                match at.store.begin(id("a"), Access::ReadOnly, None).unwrap().found {
                    Found::Record(record) => {
                        assert_eq!(record.payload.as_ref(), b"data");
                        assert_eq!(record.expires, later);
                    }
                    other => panic!("{other:?}"),
                }
            }

            #[test]
            fn touching_what_is_not_there_says_so() {
                let at = $make;
                let committed = at
                    .store
                    .commit(id("a"), Change::Touch(in_an_hour(), crate::contract_support::SOMEBODY), Lease::default())
                    .unwrap();
                assert_eq!(committed, Committed::Gone);
                assert_eq!(read(&at.store, "a"), None);
            }

            #[test]
            fn a_destroyed_session_is_missing_and_can_be_begun_anew() {
                let at = $make;
                write(&at.store, "a", b"data", in_an_hour());
                let held = lease(&at.store, "a");
                assert_eq!(at.store.commit(id("a"), Change::Destroy, held).unwrap(), Committed::Done);
                assert_eq!(read(&at.store, "a"), None);
                write(&at.store, "a", b"fresh", in_an_hour());
                assert_eq!(read(&at.store, "a").as_deref(), Some(b"fresh".as_slice()));
            }

            #[test]
            fn destroying_a_missing_session_succeeds() {
                let at = $make;
                let committed = at.store.commit(id("a"), Change::Destroy, Lease::default()).unwrap();
                assert_eq!(committed, Committed::Done);
            }

            #[test]
            fn a_session_is_created_where_there_is_none_and_goes_on() {
                let at = $make;
                write(&at.store, "old", b"data", Expiry(now() - 1));
                for name in ["new", "old"] {
                    let expires = in_an_hour();
                    let created = Record::new(b"created".as_slice(), expires);
                    let held = at.store.create(id(name), &created).unwrap().unwrap();
                    match at.store.begin(id(name), Access::ReadOnly, None).unwrap().found {
                        Found::Record(record) => {
                            assert_eq!((record.payload, record.expires), (created.payload, expires))
                        }
                        other => panic!("{name}: {other:?}"),
                    }
                    let changed = Record::new(b"changed".as_slice(), expires);
                    let committed = at.store.commit(id(name), Change::Write(&changed), held).unwrap();
                    assert_eq!((name, committed), (name, Committed::Done));
                    // It was let go.
                    write(&at.store, name, b"again", expires);
                    assert_eq!(read(&at.store, name).as_deref(), Some(b"again".as_slice()));
                }
            }

            #[test]
            fn a_session_that_exists_is_not_created() {
                let at = $make;
                write(&at.store, "a", b"theirs", in_an_hour());
                let record = Record::new(b"mine".as_slice(), in_an_hour());
                assert_eq!(at.store.create(id("a"), &record).unwrap(), None);
                assert_eq!(read(&at.store, "a").as_deref(), Some(b"theirs".as_slice()));
                // And nobody has it.
                write(&at.store, "a", b"more", in_an_hour());
                assert_eq!(read(&at.store, "a").as_deref(), Some(b"more".as_slice()));
            }

            #[test]
            fn a_fresh_id_that_exists_is_a_collision_and_keeps_the_session() {
                let at = $make;
                write(&at.store, "a", b"data", in_an_hour());
                let begun = at.store.begin(id("a"), Access::Fresh, None).unwrap();
                let record = Record::new(b"intruder".as_slice(), in_an_hour());
                let committed = at.store.commit(id("a"), Change::Write(&record), begun.lease).unwrap();
                assert_eq!(committed, Committed::Collision);
                assert_eq!(read(&at.store, "a").as_deref(), Some(b"data".as_slice()));
            }

            #[test]
            fn a_fresh_id_that_is_free_is_written() {
                let at = $make;
                let begun = at.store.begin(id("a"), Access::Fresh, None).unwrap();
                let record = Record::new(b"data".as_slice(), in_an_hour());
                assert_eq!(at.store.commit(id("a"), Change::Write(&record), begun.lease).unwrap(), Committed::Done);
                assert_eq!(read(&at.store, "a").as_deref(), Some(b"data".as_slice()));
            }

            #[test]
            fn a_payload_larger_than_any_buffer_is_kept() {
                let at = $make;
                let payload = vec![7; 3 << 20];
                write(&at.store, "large", &payload, in_an_hour());
                assert_eq!(read(&at.store, "large"), Some(payload));
                write(&at.store, "large", b"small", in_an_hour());
                assert_eq!(read(&at.store, "large").as_deref(), Some(b"small".as_slice()));
            }

            #[test]
            fn more_sessions_than_a_buffer_holds_are_all_kept() {
                let at = $make;
                let count = 3000;
                for number in 0..count {
                    write(&at.store, &format!("s{number}"), format!("{number}-").repeat(200).as_bytes(), in_an_hour());
                }
                for number in 0..count {
                    let payload = format!("{number}-").repeat(200).into_bytes();
                    assert_eq!(read(&at.store, &format!("s{number}")), Some(payload), "session {number}");
                }
            }
        }
    };
}
