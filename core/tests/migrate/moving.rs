//! What holds for every place that sessions come from.

use rustdb_core::contents::Format;
use rustdb_core::sessions::{Intent, Source, Told};
use rustdb_core::store::Access;

use crate::contract_support::id;
use crate::here::{Here, LIFETIME};
use crate::memcached::Memcached;
use crate::mysql_support::Mariadb;
use crate::places::{Files, Hashes, Keys, PROCESSWIRE, Place, Rows, SYMFONY, USERFROSTING};
use crate::server::Server;

const PAYLOAD: &[u8] = "account|a:1:{s:15:\"current_user_id\";i:1;}name|s:2:\"Ж\";".as_bytes();

macro_rules! places {
    ($($name:ident: $make:expr;)*) => { $(
        mod $name {
            use super::*;

            #[test]
            fn a_session_is_brought_over_with_its_payload_and_the_time_it_has_left() {
                brought_over(&$make);
            }

            #[test]
            fn what_is_over_there_is_not_brought_over() {
                over(&$make);
            }

            #[test]
            fn what_has_ended_here_does_not_come_back() {
                ended(&$make);
            }

            #[test]
            fn the_old_copy_goes_where_that_was_asked_for() {
                removed(&$make);
            }

            #[test]
            fn each_kind_of_access_finds_what_it_should() {
                accesses(&$make);
            }
        }
    )* };
}

places! {
    php_files: Files::new(0, "sess_");
    php_files_in_directories: Files::new(2, "sess_");
    illuminate_files: Files::new(0, "");
    phpredis: Keys::new("PHPREDIS_SESSION:");
    symfony_redis: Keys::new("sf_s");
    cm_redis: Hashes::new();
    php_memcached: Memcached::start();
    userfrosting: Rows::of(&USERFROSTING);
    processwire: Rows::of(&PROCESSWIRE);
    symfony_pdo: Rows::of(&SYMFONY);
}

fn brought_over(at: &impl Place) {
    at.put("visitor", PAYLOAD, 1000);
    at.put("VISITOR2", b"other|i:1;", 1000);
    at.put("empty", b"", 1000);
    let here = Here::new(&at.url(""));
    assert_eq!(here.find("visitor").as_deref(), Some(PAYLOAD));
    assert!((990..=1001).contains(&here.left("visitor")), "{} s are left", here.left("visitor"));
    assert_eq!(here.find("empty").as_deref(), Some(b"".as_slice()));
    assert_eq!(here.find("visitor2"), None, "ids that differ in case are different sessions");
    assert_eq!(here.find("visito"), None);
    assert_eq!(here.migrated(), 2);
    assert!(at.has("visitor") && at.has("VISITOR2"), "nobody asked for it to go");

    // It lives here from now on.
    here.write("visitor", b"new");
    assert_eq!(here.find("visitor").as_deref(), Some(b"new".as_slice()));
    assert_eq!(here.migrated(), 2);
    let mut held = here.begin("visitor", Access::Exclusive).unwrap();
    assert_eq!(held.report.source, Source::Buffer);
    here.sessions.commit(&mut held, Intent::Destroy, 100, &Told::default()).unwrap();
    here.sessions.release(held);
    assert!(!at.has("visitor"));
    assert_eq!(here.log(), [""; 0]);
}

fn over(at: &impl Place) {
    at.put("late", PAYLOAD, -5);
    for more in ["", "&remove=1"] {
        let here = Here::new(&at.url(more));
        for access in [Access::ReadOnly, Access::ExclusiveIfExists, Access::Exclusive] {
            assert_eq!(here.visit("late", access), None, "{access:?}");
        }
        here.write("late", b"new");
        assert_eq!(here.find("late").as_deref(), Some(b"new".as_slice()));
        assert_eq!(here.migrated(), 0);
    }
}

fn ended(at: &impl Place) {
    for more in ["", "&remove=1"] {
        let here = Here::new(&at.url(more));
        for name in ["ann", "bob", "cid"] {
            at.put(name, PAYLOAD, 1000);
        }
        here.destroy("ann");
        assert_eq!(here.find("ann"), None);
        assert!(!at.has("ann"));

        // In one request: ended and begun anew, as a logout does.
        let mut held = here.begin("bob", Access::Exclusive).unwrap();
        here.sessions.commit(&mut held, Intent::Destroy, 100, &Told::default()).unwrap();
        here.sessions.commit(&mut held, Intent::Write(b"guest"), 100, &Told::default()).unwrap();
        here.sessions.release(held);
        assert_eq!(here.find("bob").as_deref(), Some(b"guest".as_slice()));

        // Ended after it was brought over, in another request, and looked for by another one.
        assert_eq!(here.find("cid").as_deref(), Some(PAYLOAD));
        here.destroy("cid");
        let other = here.beside(&at.url(more), &[]);
        for access in [Access::ReadOnly, Access::ExclusiveIfExists, Access::Exclusive] {
            let held = other.begin(id("cid"), access).unwrap();
            assert!(held.as_ref().is_none_or(|held| !held.exists()), "{access:?}");
            held.map(|held| other.release(held));
        }
        assert!(!at.has("bob") && !at.has("cid"));
        assert_eq!(here.log(), [""; 0]);
    }
}

fn removed(at: &impl Place) {
    at.put("ann", PAYLOAD, 1000);
    at.put("bob", b"", 1000);
    let here = Here::new(&at.url("&remove=1"));
    for (name, payload) in [("ann", PAYLOAD), ("bob", b"")] {
        assert_eq!(here.find(name).as_deref(), Some(payload));
        assert!(!at.has(name));
        assert_eq!(here.find(name).as_deref(), Some(payload));
    }
    assert_eq!(here.migrated(), 2);
}

fn accesses(at: &impl Place) {
    at.put("ann", PAYLOAD, 1000);
    let here = Here::new(&at.url("&remove=1"));
    // Who only reads holds no lock, so nothing is moved.
    assert_eq!(here.visit("ann", Access::ReadOnly).as_deref(), Some(PAYLOAD));
    assert_eq!((here.has("ann"), here.migrated()), (None, 0));
    assert!(at.has("ann"));
    // Strict mode: an unknown id is refused, one that is known there is not.
    assert!(here.begin("nobody", Access::ExclusiveIfExists).is_none());
    assert_eq!(here.visit("ann", Access::ExclusiveIfExists).as_deref(), Some(PAYLOAD));
    assert_eq!(here.has("ann").map(|(payload, _)| payload).as_deref(), Some(PAYLOAD));
    assert!(!at.has("ann"));
    // A new id, as session_regenerate_id makes one, is looked for nowhere.
    at.put("newid", PAYLOAD, 1000);
    assert_eq!(here.visit("newid", Access::Fresh), None);
    // Its old one ends.
    at.put("old", PAYLOAD, 1000);
    assert_eq!(here.find("old").as_deref(), Some(PAYLOAD));
    here.destroy("old");
    let mut held = here.begin("regenerated", Access::Fresh).unwrap();
    here.sessions.commit(&mut held, Intent::Write(PAYLOAD), 100, &Told::default()).unwrap();
    here.sessions.release(held);
    assert_eq!((here.find("old"), here.find("regenerated").as_deref()), (None, Some(PAYLOAD)));
    // No lock stays behind.
    let begun = std::time::Instant::now();
    assert!(here.begin("nobody", Access::ExclusiveIfExists).is_none());
    assert_eq!(here.find("nobody"), None);
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
}

#[test]
fn all_sessions_of_a_user_end_with_their_old_copies_or_are_left_as_they_are() {
    let redis = Server::start(&[]);
    redis.tell(&["SET", "PHPREDIS_SESSION:a", "account|a:1:{s:15:\"current_user_id\";i:1;}old|i:1;", "EX", "1000"]);
    let here = Here::new(&redis.socket_url());
    let by_php = Told { format: Some(Format::Php), ..Told::default() };
    let now: &[u8] = b"account|a:1:{s:15:\"current_user_id\";i:1;}new|i:1;";
    let mut held = here.begin("a", Access::Exclusive).unwrap();
    here.sessions.commit(&mut held, Intent::Write(now), LIFETIME, &by_php).unwrap();
    here.sessions.release(held);
    redis.tell(&["ACL", "SETUSER", "default", "-del", "-unlink"]);
    here.sessions.end_of_user("1", &[], Some(Format::Php)).unwrap_err();
    assert_eq!(here.find("a").as_deref(), Some(now));
    redis.tell(&["ACL", "SETUSER", "default", "+@all"]);
    assert_eq!(here.sessions.end_of_user("1", &[], Some(Format::Php)).unwrap(), 1);
    assert_eq!(here.find("a"), None);
    assert_eq!(redis.number(&["EXISTS", "PHPREDIS_SESSION:a"]), 0);
}

#[test]
fn what_takes_the_place_of_an_ended_session_is_nobodys() {
    let redis = Server::start(&[]);
    redis.tell(&["SET", "PHPREDIS_SESSION:a", "account|a:1:{s:15:\"current_user_id\";i:1;}", "EX", "1000"]);
    let at = Mariadb::shared();
    let here = Here::on_server(&crate::mysql_support::url(at.port(), &at.database(), ""), &redis.socket_url());
    let by_php = Told { format: Some(Format::Php), ..Told::default() };
    let mut held = here.begin("a", Access::Exclusive).unwrap();
    let changed = b"account|a:1:{s:15:\"current_user_id\";i:1;}new|i:1;";
    here.sessions.commit(&mut held, Intent::Write(changed), LIFETIME, &by_php).unwrap();
    here.sessions.release(held);
    assert_eq!(here.sessions.of_user("1", Some(Format::Php)).unwrap().len(), 1);
    redis.tell(&["ACL", "SETUSER", "default", "-del", "-unlink"]);
    here.destroy("a");
    assert_eq!(here.find("a").as_deref(), Some(b"".as_slice()));
    assert_eq!(here.sessions.of_user("1", Some(Format::Php)).unwrap(), []);
}
