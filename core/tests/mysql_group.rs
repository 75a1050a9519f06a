//! MySQL's group replication: rustdb takes locks that the whole group knows, because a member says what it is, and goes on
//! with the next primary when one dies.
//!
//! It runs on MySQL whatever the other tests run on.

mod contract_support;
mod mysql_support;

use contract_support::{in_an_hour, write};
use mysql::prelude::Queryable;
use mysql_support::product::Product;
use mysql_support::{
    ENCODED_PASSWORD, Mariadb, PASSWORD, begin, commit, count_up, counted, free_port, machine, wait_until,
};
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
            "--sync-binlog=0",
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
            // A member that is silent for five seconds is out, and not five more.
            "--group-replication-member-expel-timeout=0",
        ],
    )
}

/// Makes it a member: of a new group, or of the one that there is.
fn join(server: &Mariadb, first: bool) {
    let mut root = server.root();
    for sql in [
        "SET sql_log_bin=0",
        &format!("CREATE USER copier@'%' IDENTIFIED BY '{PASSWORD}'"),
        "GRANT REPLICATION SLAVE,CONNECTION_ADMIN,BACKUP_ADMIN,GROUP_REPLICATION_STREAM ON *.* TO copier@'%'",
        "SET sql_log_bin=1",
        // What each member was prepared with is not the group's.
        "RESET BINARY LOGS AND GTIDS",
        &format!("SET GLOBAL group_replication_bootstrap_group={}", u8::from(first)),
        &format!("START GROUP_REPLICATION USER='copier',PASSWORD='{PASSWORD}'"),
        "SET GLOBAL group_replication_bootstrap_group=0",
    ] {
        root.query_drop(sql).unwrap();
    }
    wait_until("it is a member", || is_online(server));
}

fn is_online(server: &Mariadb) -> bool {
    let state = "SELECT member_state FROM performance_schema.replication_group_members WHERE member_id=@@server_uuid";
    server.root().query_first::<String, _>(state).unwrap().as_deref() == Some("ONLINE")
}

#[test]
fn a_member_of_a_group_gets_locks_as_rows() {
    let port = free_port();
    let server = candidate(1, port, &[port]);
    join(&server, true);
    let mut root = server.root();
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

#[test]
fn when_the_primary_dies_requests_go_on_with_the_next_one_and_nothing_acknowledged_is_lost() {
    let ports = [free_port(), free_port(), free_port()];
    let mut servers = [1, 2, 3].map(|number| candidate(number, ports[usize::from(number) - 1], &ports));
    for (number, server) in servers.iter().enumerate() {
        join(server, number == 0);
    }
    let database = servers[0].database();
    let hosts: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
    let hosts = hosts.join(",");
    let url = format!("mysql://tester:{ENCODED_PASSWORD}@{hosts}/{database}?table=sessions&timeout=10");
    let machines = [machine(&url), machine(&url)];
    write(&machines[0], "a", b"0", in_an_hour());
    let lost: u64 = std::thread::scope(|scope| {
        let counting = machines.each_ref().map(|store| scope.spawn(|| count_up(store, "a", 100)));
        wait_until("they count", || counted(&machines[0], "a") >= 20);
        servers[0].stop();
        counting.map(|thread| thread.join().unwrap()).iter().sum()
    });
    let count = counted(&machine(&url), "a");
    assert!((200..=200 + lost).contains(&count), "{count}, of which {lost} may have been lost");
}
