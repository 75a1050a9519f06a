//! Old places on servers: users that may not remove anything, requests that have a session locked, packed payloads.

use std::io::Write;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use rustdb_core::error::ErrorKind;
use rustdb_core::sessions::{Intent, Source, Told};
use rustdb_core::store::Access;

use crate::contract_support::id;
use crate::here::Here;
use crate::memcached::Memcached;
use crate::places::{Hashes, Keys, Place, Rows, SYMFONY, USERFROSTING};
use crate::server::until;

/// Sessions of a place that lets nobody remove anything are brought over, and do not come back when they end.
fn nothing_can_be_removed(at: &impl Place, url: &str, cause: &str) {
    for name in ["a", "b"] {
        at.put(name, b"login", 3000);
    }
    for more in ["", "&remove=1"] {
        let here = Here::new(&format!("{url}{more}"));
        assert_eq!(here.find("b").as_deref(), Some(b"login".as_slice()));
        assert_eq!(here.begin("b", Access::ReadOnly).unwrap().report.source, Source::Buffer);
        for name in ["a", "b"] {
            here.destroy(name);
            assert!(at.has(name));
            assert_eq!(here.find(name).as_deref(), Some(b"".as_slice()));
            assert!(here.left(name) >= 2990, "{}", here.left(name));
        }
        let log = here.log();
        let told = |line: &String| line.contains("rustdb.migrate_from") && line.contains(cause);
        assert!(!log.is_empty() && log.iter().all(told), "{log:?}");
        // Where there is no copy, none keeps anybody's place.
        here.write("c", b"x");
        here.destroy("c");
        assert_eq!(here.find("c"), None);
    }
}

#[test]
fn a_mysql_user_without_delete_leaves_an_empty_session_here() {
    for owner in [&USERFROSTING, &SYMFONY] {
        let at = Rows::of(owner);
        let user = format!("reader_{}", at.database);
        at.run(&format!("CREATE USER {user}@'%' IDENTIFIED BY 'x'; "));
        at.run(&format!("GRANT SELECT ON {}.* TO {user}@'%'", at.database));
        let url = at.url("");
        let (_, place) = url.split_once('@').unwrap();
        nothing_can_be_removed(&at, &format!("mysql://{user}:x@{place}"), "DELETE command denied");
        at.server.root().query_drop(format!("DROP USER {user}@'%'")).unwrap();
    }
}

#[test]
fn a_redis_user_without_del_cannot_give_locks_back_and_what_ends_here_stays_ended() {
    let at = Keys::new("PHPREDIS_SESSION:");
    at.put("a", b"login", 3000);
    at.put("b", b"login", 3000);
    at.server.tell(&["ACL", "SETUSER", "reader", "on", ">x", "~*", "&*", "+@all", "-del"]);
    let here = Here::new(&format!("redis://reader:x@127.0.0.1:{}", at.server.port()));
    assert_eq!(here.find("a").as_deref(), Some(b"login".as_slice()), "it is brought over all the same");
    here.destroy("a");
    assert_eq!((here.find("a").as_deref(), at.has("a")), (Some(b"".as_slice()), true));
    assert!(here.left("a") >= 2990);
    // Strict mode only looks first, and then nothing has been brought over yet: it says what is wrong.
    let error = here.sessions.begin(id("b"), Access::ExclusiveIfExists).unwrap_err();
    let log = here.log();
    for message in log.iter().chain([&error.to_string()]) {
        assert!(message.contains("rustdb.migrate_from") && !message.contains(":x@"), "{message}");
    }
    assert!(!log.is_empty());
    // The lock that it could not give back ends by itself.
    assert!(at.server.number(&["PTTL", "PHPREDIS_SESSION:b_LOCK"]) > 0);
}

#[test]
fn a_redis_user_of_cm_redis_without_del_leaves_an_empty_session_here() {
    let at = Hashes::new();
    at.0.tell(&["ACL", "SETUSER", "reader", "on", ">x", "~*", "+@all", "-del"]);
    nothing_can_be_removed(&at, &format!("redis://reader:x@127.0.0.1:{}?layout=cm", at.0.port()), "del");
}

#[test]
fn an_old_place_that_is_down_when_a_session_ends_gets_nobody_back_in() {
    let mut at = Keys::new("PHPREDIS_SESSION:");
    at.put("a", b"login", 1000);
    let here = Here::new(&at.server.url());
    assert_eq!(here.find("a").as_deref(), Some(b"login".as_slice()));
    at.server.kill();
    here.destroy("a");
    at.server.start_again();
    at.put("a", b"login", 1000);
    assert_eq!(here.find("a").as_deref(), Some(b"".as_slice()));
    assert!(here.left("a") > 86_400, "nobody could tell how long the copy lives");
    // In reach again, it goes with the next session of that name.
    until("it is asked again", || here.sessions.begin(id("nobody"), Access::ReadOnly).is_ok());
    here.destroy("a");
    assert_eq!((here.find("a"), at.has("a")), (None, false));
}

#[test]
fn a_copy_that_was_left_by_a_crash_is_passed_over_and_goes_in_the_end() {
    let at = Keys::new("PHPREDIS_SESSION:");
    at.put("a", b"old", 1000);
    let here = Here::new(&at.url("&remove=1"));
    here.write("a", b"new");
    // As after a crash between writing here and removing there.
    at.put("a", b"old", 1000);
    assert_eq!(here.find("a").as_deref(), Some(b"new".as_slice()));
    here.destroy("a");
    assert_eq!((here.find("a"), at.has("a")), (None, false));
}

/// Has a session locked for a moment, in which it changes; whoever wants it gets it as it was left.
fn waits(at: &impl Place, lock: impl Fn(), change_and_unlock: impl Fn() + Sync) {
    at.put("a", b"old", 1000);
    lock();
    let impatient = Here::with(&at.url(""), &[("lock_wait", "0.2")]);
    let error = impatient.sessions.begin(id("a"), Access::Exclusive).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    assert!(error.to_string().contains("rustdb.migrate_from"), "{error}");
    let here = Here::new(&at.url(""));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            change_and_unlock();
        });
        assert_eq!(here.find("a").as_deref(), Some(b"new".as_slice()));
    });
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_lock_of_phpredis_is_waited_for() {
    let at = Keys::new("PHPREDIS_SESSION:");
    let lock = || drop(at.server.tell(&["SET", "PHPREDIS_SESSION:a_LOCK", "somebody", "PX", "60000"]));
    waits(&at, lock, || {
        at.put("a", b"new", 1000);
        at.server.tell(&["DEL", "PHPREDIS_SESSION:a_LOCK"]);
    });
    assert!(!at.server.keys().contains(&"PHPREDIS_SESSION:a_LOCK".to_owned()));
}

#[test]
fn a_lock_of_php_memcached_is_waited_for() {
    let at = Memcached::start();
    waits(
        &at,
        || at.set("memc.sess.key.lock.a", b"1", 0, 60),
        || {
            at.put("a", b"new", 1000);
            assert_eq!(at.tell(b"md memc.sess.key.lock.a\r\n"), b"HD\r\n");
        },
    );
}

#[test]
fn a_lock_of_cm_redis_is_waited_for_and_then_broken() {
    let at = Hashes::new();
    at.put("a", b"old", 1000);
    at.0.tell(&["HINCRBY", "sess_a", "lock", "1"]);
    let here = Here::new(&at.url(""));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            at.put("a", b"new", 1000);
        });
        assert_eq!(here.find("a").as_deref(), Some(b"new".as_slice()));
    });
    assert!(begun.elapsed() >= Duration::from_millis(300));
    // Its owner breaks the lock of a request that died, too.
    at.put("b", b"left", 1000);
    at.0.tell(&["HINCRBY", "sess_b", "lock", "1"]);
    let impatient = Here::with(&at.url(""), &[("lock_wait", "0.2")]);
    assert_eq!(impatient.find("b").as_deref(), Some(b"left".as_slice()));
}

#[test]
fn what_cm_redis_has_packed_is_unpacked() {
    let at = Hashes::new();
    let payload = b"account|a:1:{s:15:\"current_user_id\";i:1;}".repeat(500);
    let mut packed = flate2::write::ZlibEncoder::new(b":gz:".to_vec(), flate2::Compression::default());
    packed.write_all(&payload).unwrap();
    at.put("a", &packed.finish().unwrap(), 1000);
    let here = Here::new(&at.url(""));
    assert_eq!(here.find("a"), Some(payload));
}

#[test]
fn a_session_without_an_end_gets_one_here() {
    let at = Keys::new("PHPREDIS_SESSION:");
    at.server.tell(&["SET", "PHPREDIS_SESSION:a", "x"]);
    let here = Here::new(&at.url(""));
    let mut held = here.begin("a", Access::Exclusive).unwrap();
    here.sessions.commit(&mut held, Intent::Unchanged(b"x"), 1440, &Told::default()).unwrap();
    here.sessions.release(held);
    assert!(here.left("a") < 1600);
}
