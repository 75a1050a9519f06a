//! A member of MySQL's group replication: rustdb takes locks that the whole group knows, because it says what it is.
//!
//! It runs on MySQL whatever the other tests run on.

mod contract_support;
mod mysql_support;

use contract_support::in_an_hour;
use mysql::prelude::Queryable;
use mysql_support::product::Product;
use mysql_support::{Mariadb, begin, commit, free_port, machine, wait_until};
use rustdb_core::record::Record;
use rustdb_core::store::{Change, Committed};

/// The name of a group is a UUID.
const GROUP: &str = "5f3d0d3c-8f0a-11ee-9c1e-0242ac120002";

/// A server that may become a member of a group.
fn candidate(number: u16, own: u16, others: &[u16]) -> Mariadb {
    let seeds: Vec<String> = others.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    Mariadb::start_product(
        &Product::mysql(),
        &[
            "--performance-schema=ON",
            "--log-bin=binlog",
            "--gtid-mode=ON",
            "--enforce-gtid-consistency=ON",
            &format!("--server-id={number}"),
            "--report-host=127.0.0.1",
            "--plugin-load-add=group_replication.so",
            &format!("--group-replication-group-name={GROUP}"),
            "--group-replication-start-on-boot=OFF",
            &format!("--group-replication-local-address=127.0.0.1:{own}"),
            &format!("--group-replication-group-seeds={}", seeds.join(",")),
            "--group-replication-recovery-get-public-key=ON",
        ],
    )
}

fn is_online(server: &Mariadb) -> bool {
    let state = "SELECT member_state FROM performance_schema.replication_group_members WHERE member_id=@@server_uuid";
    server.root().query_first::<String, _>(state).unwrap().as_deref() == Some("ONLINE")
}

#[test]
fn a_member_of_a_group_gets_locks_as_rows() {
    let port = free_port();
    let server = candidate(1, port, &[port]);
    let mut root = server.root();
    root.query_drop("SET GLOBAL group_replication_bootstrap_group=ON").unwrap();
    root.query_drop("START GROUP_REPLICATION").unwrap();
    wait_until("the group has its first member", || is_online(&server));
    let database = server.database();
    let url = mysql_support::url(server.port(), &database, "");
    let store = machine(&url);
    let held = begin(&store, "a");
    let locks = format!("SELECT COUNT(*) FROM {database}.sessions_locks");
    assert_eq!(root.query_first::<u64, _>(&locks).unwrap(), Some(1));
    let record = Record::new(b"data".as_slice(), in_an_hour());
    assert_eq!(commit(&store, "a", Change::Write(&record), held.lease), Committed::Done);
    assert_eq!(root.query_first::<u64, _>(&locks).unwrap(), Some(0));
}
