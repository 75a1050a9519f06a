//! A Redis Cluster that changes: slots move, masters die and hang.

use std::time::{Duration, Instant};

use rustdb_core::backend::redis::Redis;
use rustdb_core::entry::{HEADER, encode_session};
use rustdb_core::error::ErrorKind;
use rustdb_core::record::Record;
use rustdb_core::store::{Access, Backend, Batch, Change, Committed, Store};
use rustdb_core::visitor::Visitor;

use crate::contract_support::{id, in_an_hour, lease, read, write};
use crate::load::Load;
use crate::nodes::Nodes;
use crate::server::{Server, ask, failure, machine, open, until, write_as};

const KEY: &str = "PHPREDIS_CLUSTER_SESSION:a";

#[test]
fn a_session_whose_slot_has_moved_is_found_there() {
    let nodes = Nodes::start(&[]);
    let store = machine(&nodes.url(""));
    write(&store, "a", b"1", in_an_hour());
    let held = lease(&store, "a");
    let slot = nodes.open_slot(KEY);
    nodes.move_keys(&slot);
    nodes.close_slot(&slot);
    assert_eq!(write_as(&store, "a", b"2", held), Committed::Done);
    assert_eq!(nodes.servers[slot.2].text(&["GET", KEY]).as_deref(), Some("2"));
    // It is not sent there by the other one again.
    let before = nodes.calls("evalsha");
    write(&store, "a", b"3", in_an_hour());
    assert_eq!(nodes.calls("evalsha"), before + 2);
}

#[test]
fn a_session_waits_while_its_slot_is_moving_and_keeps_its_lease() {
    let nodes = Nodes::start(&[]);
    let store = machine(&nodes.url(""));
    write(&store, "a", b"1", in_an_hour());
    let held = lease(&store, "a");
    let slot = nodes.open_slot(KEY);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let committed = write_as(&store, "a", b"2", held);
            (committed, Instant::now())
        });
        // Longer than a lease lives without being prolonged, before and after its key has moved.
        for moved in [false, true] {
            std::thread::sleep(Duration::from_millis(600));
            assert!(store.maintain());
            assert!(!writing.is_finished(), "its keys are on both nodes, or may be");
            if !moved {
                nodes.move_keys(&slot);
            }
        }
        let closed = Instant::now();
        nodes.close_slot(&slot);
        let (committed, written) = writing.join().unwrap();
        assert_eq!(committed, Committed::Done);
        assert!(written - closed < Duration::from_secs(1));
    });
    assert!(store.notices().take().is_empty());
    assert_eq!(nodes.servers[slot.2].text(&["GET", KEY]).as_deref(), Some("2"));
}

#[test]
fn a_single_key_of_a_moving_slot_is_written_where_it_is_going() {
    let nodes = Nodes::start(&[]);
    let store = machine(&nodes.url(""));
    let slot = nodes.open_slot(KEY);
    let record = Record::new(b"1".as_slice(), in_an_hour());
    let mut entry = vec![0; HEADER + record.payload.len()];
    encode_session(id("a"), &record, &mut entry);
    store.apply(&mut [(id("a"), entry.as_slice())].into_iter()).unwrap();
    assert!(nodes.calls("asking") > 0);
    assert_eq!(nodes.servers[slot.1].number(&["CLUSTER", "COUNTKEYSINSLOT", &slot.0]), 0);
    assert_eq!(nodes.servers[slot.2].number(&["CLUSTER", "COUNTKEYSINSLOT", &slot.0]), 1);
    nodes.close_slot(&slot);
    assert_eq!(read(&store, "a").as_deref(), Some(b"1".as_slice()));
}

#[test]
fn a_slot_that_was_left_half_moved_is_told_in_time() {
    let nodes = Nodes::start(&[]);
    let store = machine(&nodes.url("?timeout=0.5"));
    write(&store, "a", b"1", in_an_hour());
    nodes.open_slot(KEY);
    let (error, took) = failure(&store);
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("rehashing"), "{error}");
    assert!(took >= Duration::from_millis(450) && took < Duration::from_secs(2), "{took:?}");
    // Others go on.
    let other = (0..100)
        .map(|number| format!("s{number}"))
        .find(|name| nodes.master_of(&format!("PHPREDIS_CLUSTER_SESSION:{name}")) == nodes.master_of(KEY));
    write(&store, &other.unwrap(), b"1", in_an_hour());
}

#[test]
fn resharding_under_load_loses_no_count() {
    let nodes = Nodes::start(&[]);
    let machines: Vec<Redis> = (0..4).map(|_| machine(&nodes.url(""))).collect();
    let load = Load::on(200);
    let moved = std::thread::scope(|scope| {
        let _end = load.ends_here();
        for (first, store) in machines.iter().enumerate() {
            let load = &load;
            scope.spawn(move || load.work(store, first * 50));
        }
        until("it is under way", || load.total() > 400);
        let before = load.total();
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            nodes.reshard(from, to, 1000);
        }
        load.total() - before
    });
    println!("{moved} increments while 3000 slots moved; the slowest took {:?}", load.longest());
    let (moved, moving) = (nodes.refusals("MOVED"), nodes.refusals("TRYAGAIN"));
    println!("{moved} were sent elsewhere, {moving} had to wait");
    assert!(moved > 0);
    load.check_exactly(&machines[0]);
}

#[test]
fn a_batch_for_a_cluster_that_does_not_answer_fails_in_time() {
    // They take connections and never answer.
    let silent = [0, 1].map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let hosts = silent.each_ref().map(|listener| listener.local_addr().unwrap().to_string()).join(",");
    let store = machine(&format!("redis+cluster://{hosts}?connect_timeout=0.5&timeout=0.5"));
    let record = Record::new(b"1".as_slice(), in_an_hour());
    let names: Vec<String> = (0..200).map(|number| format!("s{number}")).collect();
    let mut entries: Vec<(&str, Vec<u8>)> = Vec::new();
    for name in &names {
        let mut entry = vec![0; HEADER + record.payload.len()];
        encode_session(id(name), &record, &mut entry);
        entries.push((name, entry));
    }
    let begun = Instant::now();
    let failed = store.apply(&mut entries.iter().map(|(name, entry)| (id(name), entry.as_slice())));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Unreachable);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_planned_failover_in_a_cluster_loses_no_count() {
    let nodes = Nodes::start(&[]);
    let machines: Vec<Redis> = (0..4).map(|_| machine(&nodes.url(""))).collect();
    let load = Load::on(60);
    std::thread::scope(|scope| {
        let _end = load.ends_here();
        for (first, store) in machines.iter().enumerate() {
            let load = &load;
            scope.spawn(move || load.work(store, first * 15));
        }
        until("it is under way", || load.total() > 400);
        let master = nodes.master_of(KEY);
        let replica = nodes.replica_of(master);
        // A busy machine may give it up after five seconds (`CLUSTER_MF_TIMEOUT` in Redis's cluster.h), and is asked again.
        let mut asked: Option<Instant> = None;
        until("the replica is the master", || {
            if asked.is_none_or(|asked| asked.elapsed() > Duration::from_secs(6)) && !replica.replicates("role:master")
            {
                asked = Some(Instant::now());
                let _ = ask(replica.port(), &["CLUSTER", "FAILOVER"]);
            }
            replica.replicates("role:master")
        });
        let total = load.total();
        until("it goes on for a while", || load.total() > total + 1000);
    });
    println!("the slowest increment took {:?}; trouble {} times: {:?}", load.longest(), load.trouble(), load.failure());
    let counts = load.acknowledged();
    load.check(&machines[0], &counts, &counts);
}

/// Increments by four machines, in the middle of which a master comes to harm. Returns how long nobody could write to
/// its sessions.
fn harm(nodes: &mut Nodes, harm: impl FnOnce(&mut Server)) -> Duration {
    let url = nodes.url("?connect_timeout=1&timeout=2");
    let machines: Vec<Redis> = (0..4).map(|_| open(&url, true, Duration::from_secs(8))).collect();
    let watcher = open(&url, true, Duration::from_secs(8));
    let master = nodes.master_of(KEY);
    let load = Load::on(60);
    let (mut since, mut until_then, mut away) = (Vec::new(), Vec::new(), Duration::ZERO);
    write(&watcher, "a", b"1", in_an_hour());
    std::thread::scope(|scope| {
        let _end = load.ends_here();
        for (first, store) in machines.iter().enumerate() {
            let load = &load;
            scope.spawn(move || load.work(store, first * 15));
        }
        until("it is under way", || load.total() > 600);
        since = load.acknowledged();
        let offset = |server: &Server, name: &str| -> u64 {
            let info = server.text(&["INFO", "replication"]).unwrap();
            info.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
        };
        let written = offset(&nodes.servers[master], "master_repl_offset:");
        let replica = nodes.replica_of(master);
        until("the replica has that", || offset(replica, "slave_repl_offset:") >= written);
        harm(&mut nodes.servers[master]);
        let harmed = Instant::now();
        until_then = load.acknowledged();
        let total = load.total();
        until("its sessions can be used again", || {
            watcher.begin(id("a"), Access::Exclusive, None).is_ok_and(|begun| {
                watcher.commit(id("a"), Change::Touch(in_an_hour(), &Visitor::UNKNOWN), begun.lease).is_ok()
            })
        });
        away = harmed.elapsed();
        until("it goes on for a while", || load.total() > total + 1000);
    });
    println!(
        "away for {away:?}; the slowest increment took {:?}; {} of {} calls failed",
        load.longest(),
        load.trouble(),
        load.total()
    );
    // An acknowledgement may be noted after the kill.
    let until_then: Vec<u64> = until_then.iter().map(|count| count + machines.len() as u64).collect();
    load.check(&watcher, &since, &until_then);
    // A call may wait for a lock for 8 s, then for a replica to be made a master, and for one answer.
    assert!(load.longest() < Duration::from_secs(13), "{:?}", load.longest());
    away
}

#[test]
fn a_master_of_a_cluster_killed_under_load_loses_nothing_that_its_replica_had() {
    let mut nodes = Nodes::start(&[]);
    assert!(harm(&mut nodes, Server::kill) < Duration::from_secs(20));
}

#[test]
fn a_master_of_a_cluster_that_hangs_is_replaced() {
    let mut nodes = Nodes::start(&[]);
    assert!(harm(&mut nodes, |server| server.stand_still(true)) < Duration::from_secs(20));
}
