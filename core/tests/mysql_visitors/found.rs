//! The sessions that are found by their user.

use mysql::prelude::Queryable;
use rustdb_core::record::now;
use rustdb_core::store::{ByUser, Change, Committed, Lease, Store, Whose};
use rustdb_core::visitor::Visitor;

use crate::contract_support::{id, in_an_hour};
use crate::mysql_support::{Mariadb, machine, numbers, url};
use crate::place::*;

#[test]
fn rows_that_the_owner_filled_in_are_found_too() {
    for at in KINDS.map(place) {
        let name = at.kind.name;
        at.write("a", &Visitor::UNKNOWN);
        at.write("b", &Visitor::UNKNOWN);
        let [user_id, ip, agent] = at.kind.columns;
        let address = if name == "processwire" { "INET_ATON('192.0.2.17')" } else { "'192.0.2.17'" };
        at.sql(&format!("UPDATE sessions SET {user_id}=41,{ip}={address},{agent}='Ж' WHERE id='a'"));
        let listed = at.listed("41");
        assert_eq!((name, listed.len()), (name, 1));
        assert_eq!(*listed[0].id, *b"a");
        assert_eq!((name, listed[0].visitor.ip()), (name, Some("192.0.2.17")));
        assert_eq!((name, listed[0].visitor.agent()), (name, Some("??")));
        assert!((now() + 3590..now() + 3610).contains(&listed[0].expires.0));
    }
}

#[test]
fn in_a_table_without_users_the_sessions_tell_themselves() {
    let at = place(SYMFONY);
    at.write("a", &visitor(&user("41"), "192.0.2.7", "x"));
    at.touch("a", &visitor(&user("41"), "192.0.2.7", "x"));
    let payloads =
        [("x", "user|i:41;", 3600), ("y", "user|i:4;", 3600), ("z", "n|i:41;", 3600), ("over", "user|i:41;", -9)];
    for (name, payload, left) in payloads {
        at.sql(&format!("INSERT INTO sessions VALUES ('{name}','{payload}',{},{0})", now() + left));
    }
    // More than are looked into at a time; of each ten, one is somebody else's, who only has the number.
    let payload = "IF(seq%10=0,'n|i:41;','user|i:41;')";
    let many = format!("SELECT CONCAT('s',seq),{payload},{},1 FROM {}", in_an_hour().0, numbers(1000));
    at.sql(&format!("INSERT INTO sessions {many}"));
    let find = |user: &str, limit: usize| {
        let is_theirs = |payload: &[u8]| Some(payload == format!("user|i:{user};").as_bytes());
        at.store.of_user(Whose { user, now: now(), limit, is_theirs: &is_theirs }).unwrap()
    };
    let found = find("41", 5000);
    assert_eq!(found.len(), 901);
    let x = found.iter().find(|listed| *listed.id == *b"x").unwrap();
    assert!((now() + 3590..now() + 3610).contains(&x.expires.0));
    assert!(found.iter().all(|listed| listed.visitor == only(&user("41"))));
    assert_eq!(find("41", 250).len(), 250);
    assert_eq!(find("4", 5000).len(), 1);
    assert!(find("'\\ OR 1", 5000).is_empty());
}

#[test]
fn the_sessions_of_a_user_are_found_by_an_index_and_without_one() {
    let server = Mariadb::start(&[]);
    let database = server.database();
    let store = machine(&url(server.port(), &database, ""));
    assert_eq!(
        store.commit(id("a"), Change::Write(&record(&only(&user("s7")), in_an_hour())), Lease::default()).unwrap(),
        Committed::Done
    );
    let mut root = server.root();
    root.query_drop(format!("USE {database}")).unwrap();
    let many = format!(
        "INSERT INTO sessions (id,payload,expires,created,user_id) SELECT CONCAT('s',seq),'',{},1,CONCAT('s',seq) FROM {}",
        in_an_hour().0,
        numbers(5000)
    );
    root.query_drop(many).unwrap();
    root.query_drop("ANALYZE TABLE sessions").unwrap();
    // Rows that were looked at, by all statements.
    let mut looked_at = || -> u64 {
        let rows: Vec<(String, u64)> = root.query("SHOW GLOBAL STATUS LIKE 'Handler_read%'").unwrap();
        rows.iter().map(|(_, count)| count).sum()
    };
    let find = || {
        let whose = Whose { user: "s7", now: now(), limit: 100, is_theirs: &|_| Some(true) };
        store.of_user(whose).unwrap().len()
    };
    let before = looked_at();
    assert_eq!(find(), 2);
    assert!(looked_at() - before < 4000);
    // As in a table that was made before there was one.
    server.root().query_drop(format!("ALTER TABLE {database}.sessions DROP KEY user_id")).unwrap();
    assert_eq!(find(), 2);
    assert!(looked_at() - before > 5000);
}
