//! `?widen=1`: columns of other programs that a session does not fit into are made larger, once.

mod contract_support;
mod mysql_support;

use std::sync::{Arc, Barrier};
use std::time::Duration;

use contract_support::{id, in_an_hour, read, write};
use mysql::prelude::Queryable;
use mysql_support::tables::{PROCESSWIRE, SYMFONY, USERFROSTING};
use mysql_support::{Mariadb, PASSWORD, begin, commit, machine, url};
use rustdb_core::backend::mysql::Mysql;
use rustdb_core::entry;
use rustdb_core::error::ErrorKind;
use rustdb_core::record::Record;
use rustdb_core::server::Server;
use rustdb_core::store::{Access, Batch, Change, Committed, Store};

/// A server with room for large statements, with a table of this kind.
fn place(server: &Mariadb, ddl: &str) -> (String, String) {
    let database = server.database();
    let mut root = server.root();
    root.query_drop("SET GLOBAL max_allowed_packet=134217728").unwrap();
    root.query_drop(format!("USE {database}")).unwrap();
    root.query_drop(ddl).unwrap();
    (url(server.port(), &database, "&lifetime=3600&widen=1"), database)
}

/// The type of a column, its collation and whether it may be NULL.
fn column(server: &Mariadb, database: &str, name: &str) -> (String, Option<String>, String) {
    let sql = format!(
        "SELECT column_type,collation_name,is_nullable FROM information_schema.columns WHERE table_schema='{database}' \
         AND table_name='sessions' AND column_name='{name}'"
    );
    server.root().query_first(sql).unwrap().unwrap()
}

fn described(kind: &str, collation: Option<&str>) -> (String, Option<String>, String) {
    (kind.to_owned(), collation.map(str::to_owned), "NO".to_owned())
}

#[test]
fn a_session_too_large_for_a_text_or_blob_makes_it_a_long_one() {
    let server = Mariadb::shared();
    for (ddl, name, wide) in [
        (USERFROSTING, "payload", described("longtext", Some("utf8mb4_unicode_ci"))),
        (SYMFONY, "sess_data", described("longblob", None)),
    ] {
        for lock in ["advisory", "lease"] {
            let (url, database) = place(&server, ddl);
            let store = machine(&format!("{url}&lock={lock}"));
            write(&store, "small", b"account|i:1;", in_an_hour());
            let large = vec![b'x'; 200_000];
            write(&store, "large", &large, in_an_hour());
            assert_eq!(column(&server, &database, name), wide);
            let other = machine(&url);
            assert_eq!(read(&other, "small").as_deref(), Some(b"account|i:1;".as_slice()));
            assert!(read(&other, "large") == Some(large));
        }
    }
}

#[test]
fn a_session_too_large_for_a_mediumtext_makes_it_a_longtext() {
    let server = Mariadb::shared();
    let (url, database) = place(&server, PROCESSWIRE);
    let store = machine(&url);
    let large = vec![b'x'; (16 << 20) + 1];
    write(&store, "large", &large, in_an_hour());
    assert!(read(&store, "large") == Some(large));
    assert_eq!(column(&server, &database, "data").0, "longtext");
    assert!(column(&server, &database, "data").1.unwrap().starts_with("utf8mb3"));
}

#[test]
fn text_that_a_character_set_does_not_have_makes_it_one_that_has_it() {
    let server = Mariadb::shared();
    let (url, database) = place(&server, PROCESSWIRE);
    let store = machine(&url);
    write(&store, "old", "é|s:2:\"é\";".as_bytes(), in_an_hour());
    write(&store, "new", "a|s:4:\"😀\";".as_bytes(), in_an_hour());
    assert_eq!(column(&server, &database, "data"), described("longtext", Some("utf8mb4_general_ci")));
    assert_eq!(read(&store, "old").as_deref(), Some("é|s:2:\"é\";".as_bytes()));
    assert_eq!(read(&store, "new").as_deref(), Some("a|s:4:\"😀\";".as_bytes()));
}

#[test]
fn what_no_text_column_keeps_is_refused_and_nothing_is_altered() {
    let server = Mariadb::shared();
    let (url, database) = place(&server, PROCESSWIRE);
    let store = machine(&url);
    let held = begin(&store, "a");
    let record = Record::new(vec![b'a', 0xff, b'b'], in_an_hour());
    let error = store.commit(id("a"), Change::Write(&record), held.lease).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(column(&server, &database, "data").0, "mediumtext");
}

#[test]
fn new_sessions_and_batches_widen_too() {
    let server = Mariadb::shared();
    let record = Record::new(vec![b'x'; 100_000], in_an_hour());
    let (url, _) = place(&server, USERFROSTING);
    let store = machine(&url);
    let fresh = store.begin(id("fresh"), Access::Fresh, None).unwrap();
    assert_eq!(commit(&store, "fresh", Change::Write(&record), fresh.lease), Committed::Done);
    let (url, _) = place(&server, USERFROSTING);
    let store = Mysql::open(&Server::parse(&url).unwrap().unwrap(), false, Duration::ZERO).unwrap();
    let mut encoded = vec![0; entry::HEADER + record.payload.len()];
    entry::encode_session(id("batch"), &record, &mut encoded);
    store.apply(&mut [(id("batch"), &*encoded)].into_iter()).unwrap();
    assert_eq!(read(&store, "batch").map(|payload| payload.len()), Some(100_000));
}

#[test]
fn many_that_need_it_at_once_alter_the_table_once() {
    let server = Mariadb::start(&[]);
    for lock in ["advisory", "lease"] {
        let (url, _) = place(&server, USERFROSTING);
        let altered = || -> u64 {
            let status: Option<(String, u64)> =
                server.root().query_first("SHOW GLOBAL STATUS LIKE 'Com_alter_table'").unwrap();
            status.unwrap().1
        };
        let (before, start) = (altered(), Arc::new(Barrier::new(4)));
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let (store, start) = (machine(&format!("{url}&lock={lock}")), Arc::clone(&start));
                std::thread::spawn(move || {
                    let name = format!("s{number}");
                    write(&store, &name, b"x", in_an_hour());
                    start.wait();
                    write(&store, &name, &vec![b'x'; 100_000], in_an_hour());
                    assert_eq!(read(&store, &name).map(|payload| payload.len()), Some(100_000));
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((lock, altered() - before), (lock, 1));
    }
}

#[test]
fn who_may_not_alter_the_table_is_told_the_statement_and_the_last_state_stays() {
    let server = Mariadb::shared();
    let (url, database) = place(&server, USERFROSTING);
    let mut root = server.root();
    root.query_drop(format!("CREATE USER narrow@'%' IDENTIFIED BY '{PASSWORD}'")).unwrap();
    root.query_drop(format!("GRANT SELECT,INSERT,UPDATE,DELETE,CREATE ON {database}.* TO narrow@'%'")).unwrap();
    for lock in ["advisory", "lease"] {
        let store = machine(&format!("{}&lock={lock}", url.replace("tester", "narrow")));
        write(&store, "a", b"good", in_an_hour());
        let record = Record::new(vec![b'x'; 100_000], in_an_hour());
        for _ in 0..2 {
            let held = begin(&store, "a");
            let error = store.commit(id("a"), Change::Write(&record), held.lease).unwrap_err();
            let statement = "ALTER TABLE `sessions` MODIFY payload LONGTEXT CHARACTER SET utf8mb4 COLLATE \
                             utf8mb4_unicode_ci NOT NULL";
            assert!(error.to_string().contains(statement), "{error}");
        }
        assert_eq!(read(&store, "a").as_deref(), Some(b"good".as_slice()));
    }
}
