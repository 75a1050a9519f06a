//! Old places that are down, hang, refuse, or have something that is no session.

use std::time::{Duration, Instant};

use rustdb_core::error::{Error, ErrorKind};
use rustdb_core::store::Access;

use crate::contract_support::id;
use crate::here::{Here, settings};
use crate::memcached::{Memcached, answering};
use crate::mysql_support::{Mariadb, PASSWORD};
use crate::places::{Hashes, Keys, Place, Rows, USERFROSTING};
use crate::server::{Server, free_port, until};

/// Why a visitor's session cannot be started, which is to be said quickly, and clearly.
fn failure(here: &Here, name: &str) -> Error {
    let begun = Instant::now();
    let error = here.sessions.begin(id(name), Access::Exclusive).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(8), "after {:?}: {error}", begun.elapsed());
    assert!(error.to_string().contains("rustdb.migrate_from") && !error.to_string().contains(PASSWORD), "{error}");
    error
}

/// The same, and the next one does not wait for it at all; who is known here does not need it.
fn fails_fast(here: &Here) {
    here.sessions
        .begin(id("known"), Access::Fresh)
        .map(|mut held| {
            let held = held.as_mut().unwrap();
            here.sessions
                .commit(held, rustdb_core::sessions::Intent::Write(b"x"), 100, &rustdb_core::sessions::Told::default())
                .unwrap();
        })
        .unwrap();
    assert_eq!(failure(here, "visitor").kind(), ErrorKind::Unreachable);
    let begun = Instant::now();
    for access in [Access::ReadOnly, Access::ExclusiveIfExists, Access::Exclusive] {
        let error = here.sessions.begin(id("visitor"), access).unwrap_err();
        assert!(error.to_string().contains("rustdb.migrate_from"), "{error}");
        assert_eq!(here.find("known").as_deref(), Some(b"x".as_slice()));
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn a_server_that_is_down_fails_sessions_at_once_by_the_name_of_the_entry() {
    let port = free_port();
    for url in [
        format!("redis://:p%40ss%3Aw%2Ford%3F@127.0.0.1:{port}"),
        format!("redis://:p%40ss%3Aw%2Ford%3F@127.0.0.1:{port}?layout=cm"),
        format!("memcached://127.0.0.1:{port}"),
        "memcached:///nowhere/socket".to_owned(),
        format!("mysql://tester:p%40ss%3Aw%2Ford%3F@127.0.0.1:{port}/db"),
    ] {
        fails_fast(&Here::new(&url));
    }
}

#[test]
fn a_server_that_hangs_fails_sessions_within_its_limits() {
    let redis = Server::start(&[]);
    let memcached = Memcached::start();
    let mysql = Mariadb::start(&[]);
    let database = mysql.database();
    redis.stand_still(true);
    memcached.stand_still(true);
    let sources = [
        format!("{}?timeout=0.5", redis.url()),
        format!("{}?timeout=0.5&layout=cm", redis.url()),
        memcached.url(""),
        crate::mysql_support::url(mysql.port(), &database, "&timeout=0.5&connect_timeout=0.5"),
    ];
    mysql.freeze();
    std::thread::scope(|scope| sources.iter().for_each(|url| drop(scope.spawn(|| fails_fast(&Here::new(url))))));
    mysql.thaw();
    redis.stand_still(false);
    memcached.stand_still(false);
}

#[test]
fn a_failure_leaves_no_lock_behind_and_the_next_request_brings_it_over() {
    let mut at = Keys::new("PHPREDIS_SESSION:");
    let url = format!("{}?", at.server.url());
    let store = Server::start(&[]);
    let here = Here::on_server(&store.socket_url(), &url);
    at.server.kill();
    assert_eq!(failure(&here, "a").kind(), ErrorKind::Unreachable);
    assert_eq!(store.keys(), [""; 0], "the lease went");
    at.server.start_again();
    at.put("a", b"login", 1000);
    until("it is asked again", || here.sessions.begin(id("a"), Access::ReadOnly).is_ok());
    assert_eq!(here.find("a").as_deref(), Some(b"login".as_slice()));
    assert_eq!(at.server.keys(), ["PHPREDIS_SESSION:a"], "no lock there");
    assert_eq!(store.keys(), ["PHPREDIS_SESSION:a"], "no lock here");
}

#[test]
fn a_connection_that_was_idle_and_closed_is_no_failure() {
    let mut at = Hashes::new();
    let here = Here::new(&at.url(""));
    assert_eq!(here.find("a"), None);
    at.0.kill();
    at.0.start_again();
    at.put("a", b"login", 1000);
    assert_eq!(here.find("a").as_deref(), Some(b"login".as_slice()));
}

#[test]
fn what_is_no_session_is_refused_and_stays() {
    let memcached = Memcached::start();
    // As the class Memcached keeps an object: serialised, with flags.
    memcached.set("memc.sess.key.a", b"O:8:\"stdClass\":0:{}", 4, 1000);
    let here = Here::new(&memcached.url("remove=1"));
    assert_eq!(failure(&here, "a").kind(), ErrorKind::Damaged);
    assert!(memcached.has("memc.sess.key.a"));

    let redis = Server::start(&[]);
    redis.tell(&["HSET", "sess_a", "data", ":gz:rubbish"]);
    let here = Here::new(&format!("{}?layout=cm&remove=1", redis.socket_url()));
    assert_eq!(failure(&here, "a").kind(), ErrorKind::Damaged);
    redis.tell(&["SET", "sess_b", "text"]);
    assert_eq!(failure(&here, "b").kind(), ErrorKind::Refused);
    redis.tell(&["HSET", "PHPREDIS_SESSION:a", "data", "x"]);
    let here = Here::new(&format!("{}?remove=1", redis.socket_url()));
    failure(&here, "a");
    assert_eq!(redis.keys(), ["PHPREDIS_SESSION:a", "sess_a", "sess_b"]);

    let rows = Rows::of(&USERFROSTING);
    rows.run("INSERT INTO sessions (id,payload,last_activity) VALUES ('a','no base64!',UNIX_TIMESTAMP())");
    let here = Here::new(&rows.url("&remove=1"));
    assert_eq!(failure(&here, "a").kind(), ErrorKind::Damaged);
    assert!(rows.has("a"));
}

#[test]
fn a_table_is_neither_made_nor_changed_and_has_to_say_how_long_sessions_live() {
    let rows = Rows::of(&USERFROSTING);
    rows.put("a", b"login", 1000);
    let create = |table: &str| -> String {
        use mysql::prelude::Queryable;
        let made = format!("SHOW CREATE TABLE {}.{table}", rows.database);
        rows.server.root().query_first::<(String, String), _>(made).unwrap().unwrap().1
    };
    let before = create("sessions");
    let here = Here::new(&rows.url("").replace("table=sessions", "table=elsewhere"));
    assert_eq!(failure(&here, "a").kind(), ErrorKind::Refused);
    let here = Here::new(&rows.url("").replace("&lifetime=3600", ""));
    let error = failure(&here, "a");
    assert!(error.to_string().contains("lifetime="), "{error}");
    let here = Here::new(&rows.url(""));
    here.write("a", &[b'x'; 200_000]);
    here.destroy("a");
    assert_eq!(rows.tables(), ["sessions"]);
    assert_eq!(create("sessions"), before);
}

#[test]
fn answers_that_are_none_of_memcached_are_refused() {
    for (answer, kind) in [
        (b"EN\r\nERROR\r\n".as_slice(), ErrorKind::Refused),
        (b"ERROR\r\nERROR\r\n", ErrorKind::Refused),
        (b"EN\r\nVA 5 t-1\r\nabcde\r\n", ErrorKind::Refused),
        (b"EN\r\nVA 5 t-1 f0\r\nabc", ErrorKind::Unreachable),
        (b"EN\r\nVA 99999999999999 t-1 f0\r\nabc", ErrorKind::Damaged),
        (b"EN\r\n", ErrorKind::Unreachable),
        (b"", ErrorKind::Unreachable),
    ] {
        let (url, asked) = answering(answer);
        let error = failure(&Here::new(&url), "a");
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(asked.join().unwrap(), b"mg memc.sess.key.lock.a\r\nmg memc.sess.key.a v t f\r\n");
    }
}

#[test]
fn an_id_too_long_for_a_key_of_memcached_has_no_session_there() {
    let memcached = Memcached::start();
    let here = Here::new(&memcached.url(""));
    for length in [231, 232, 237, 238, 256] {
        let name = "x".repeat(length);
        if length + "memc.sess.key.".len() <= 250 {
            memcached.set(&format!("memc.sess.key.{name}"), b"x", 0, 100);
            assert_eq!(here.find(&name).as_deref(), Some(b"x".as_slice()), "{length}");
        }
        here.write(&name, b"y");
        here.destroy(&name);
        assert_eq!(here.find(&name), None, "{length}");
    }
}

#[test]
fn settings_of_another_site_lead_to_another_place() {
    let (one, other) = (Keys::new("one:"), Keys::new("other:"));
    one.put("a", b"one's", 1000);
    assert_ne!(
        settings(&[("migrate_from", &one.url(""))]).unwrap(),
        settings(&[("migrate_from", &other.url(""))]).unwrap()
    );
    let here = Here::new(&other.url(""));
    assert_eq!(here.find("a"), None);
}
