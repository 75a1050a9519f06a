//! Several hosts in `rustdb.store`: which of them is used, and what one that fails costs.

mod contract_support;
mod mysql_support;

use std::time::{Duration, Instant};

use contract_support::{id, in_an_hour, read, write};
use mysql::prelude::Queryable;
use mysql_support::proxy::Proxy;
use mysql_support::{ENCODED_PASSWORD, Mariadb, PASSWORD, begin, commit, machine, wait_until};
use rustdb_core::error::ErrorKind;
use rustdb_core::record::Record;
use rustdb_core::store::{Access, Change, Committed, Store};

fn url(ports: &[u16], database: &str, more: &str) -> String {
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("mysql://tester:{ENCODED_PASSWORD}@{}/{database}?table=sessions{more}", hosts.join(","))
}

fn sessions(server: &Mariadb, database: &str) -> u64 {
    let there = format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='{database}'");
    match server.root().query_first(there).unwrap() {
        Some(0) => 0,
        _ => server.root().query_first(format!("SELECT COUNT(*) FROM {database}.sessions")).unwrap().unwrap(),
    }
}

/// Two servers that know nothing of each other, with a database of one name.
fn two_servers() -> (Mariadb, Mariadb, String) {
    let (first, second) = (Mariadb::start(&[]), Mariadb::start(&[]));
    let database = "tboth".to_owned();
    for server in [&first, &second] {
        server.root().query_drop(format!("CREATE DATABASE {database}")).unwrap();
    }
    (first, second, database)
}

#[test]
fn the_first_host_that_takes_connections_is_used_with_locks_as_rows() {
    let server = Mariadb::shared();
    let database = server.database();
    write(&machine(&url(&[1, server.port()], &database, "")), "a", b"data", in_an_hour());
    write(&machine(&url(&[server.port(), 1], &database, "")), "b", b"data", in_an_hour());
    assert_eq!(sessions(&server, &database), 2);
    let locks = format!("SELECT COUNT(*) FROM {database}.sessions_locks");
    assert_eq!(server.root().query_first::<u64, _>(locks).unwrap(), Some(0));
}

#[test]
fn a_host_that_is_silent_is_waited_for_once() {
    let server = Mariadb::shared();
    let database = server.database();
    let proxy = Proxy::to(server.port());
    proxy.fall_silent();
    let store = machine(&url(&[proxy.port, server.port()], &database, "&connect_timeout=0.7"));
    let asked = Instant::now();
    write(&store, "a", b"data", in_an_hour());
    let first = asked.elapsed();
    assert!(first >= Duration::from_millis(700) && first < Duration::from_secs(4), "{first:?}");
    // Longer than everybody fails without trying where there is but one host.
    std::thread::sleep(Duration::from_millis(1200));
    server.kill_connections(&database);
    let (asked, held) = (Instant::now(), begin(&store, "a"));
    assert!(asked.elapsed() < Duration::from_millis(600), "{:?}", asked.elapsed());
    assert_eq!(commit(&store, "a", Change::None, held.lease), Committed::Done);
}

#[test]
fn a_host_that_falls_silent_in_the_middle_of_a_request_is_left_for_another_one() {
    let server = Mariadb::shared();
    let database = server.database();
    let proxy = Proxy::to(server.port());
    let url = url(&[proxy.port, server.port()], &database, "&timeout=0.7&connect_timeout=0.7");
    let record = Record::new(b"new".as_slice(), in_an_hour());
    for change in [Change::Write(&record), Change::Destroy] {
        proxy.pass();
        let store = machine(&url);
        write(&store, "a", b"data", in_an_hour());
        let held = begin(&store, "a");
        proxy.fall_silent();
        let asked = Instant::now();
        assert_eq!(commit(&store, "a", change, held.lease), Committed::Done);
        assert!(asked.elapsed() >= Duration::from_millis(700) && asked.elapsed() < Duration::from_secs(4));
        let there = read(&store, "a");
        assert_eq!(there.is_some(), matches!(change, Change::Write(_)));
        // Reading goes on with the host that answers.
        proxy.pass();
    }
}

#[test]
fn a_server_that_takes_no_changes_is_passed_over() {
    let (first, second, database) = two_servers();
    first.root().query_drop("SET GLOBAL read_only=1").unwrap();
    let store = machine(&url(&[first.port(), second.port()], &database, ""));
    write(&store, "a", b"data", in_an_hour());
    assert_eq!((sessions(&first, &database), sessions(&second, &database)), (0, 1));
    // They change places, as at a switchover.
    second.root().query_drop("SET GLOBAL read_only=1").unwrap();
    first.root().query_drop("SET GLOBAL read_only=0").unwrap();
    wait_until("the other one is used", || {
        let Ok(begun) = store.begin(id("b"), Access::Exclusive, None) else { return false };
        let record = Record::new(b"data".as_slice(), in_an_hour());
        store.commit(id("b"), Change::Write(&record), begun.lease).is_ok_and(|done| done == Committed::Done)
    });
    assert_eq!((sessions(&first, &database), sessions(&second, &database)), (1, 1));
    // With none to write to, the reason is told.
    first.root().query_drop("SET GLOBAL read_only=1").unwrap();
    let error = machine(&url(&[first.port(), second.port()], &database, ""))
        .begin(id("a"), Access::Exclusive, None)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().matches("is read-only").count() == 2, "{error}");
}

#[test]
fn when_no_host_is_there_all_are_named_and_the_password_is_not() {
    let store = machine(&url(&[1, 2], "db", ""));
    let error = store.begin(id("a"), Access::Exclusive, None).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(text.contains("127.0.0.1:1/db") && text.contains("127.0.0.1:2/db"), "{text}");
    assert!(!text.contains(PASSWORD) && !text.contains(ENCODED_PASSWORD), "{text}");
}
