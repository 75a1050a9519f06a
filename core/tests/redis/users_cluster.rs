//! Whose sessions they are, where the set of a user is on another node of a cluster than the session.

use std::time::{Duration, Instant};

use redis::Value;
use rustdb_core::record::Record;
use rustdb_core::store::{Backend, Change, Committed, Store};
use rustdb_core::visitor::{User, Visitor};

use crate::contract_support::{id, in_an_hour, lease, of_user, write_of};
use crate::nodes::Nodes;
use crate::server::{Server, machine, until};

/// A user whose set is on another master than the session of this id, and where both are.
fn user_elsewhere(nodes: &Nodes, name: &str) -> (String, usize, usize) {
    let home = nodes.master_of(&format!("PHPREDIS_CLUSTER_SESSION:{name}"));
    let set = |user: &str| nodes.master_of(&format!("PHPREDIS_CLUSTER_SESSION:_USER_{user}"));
    let user = (0..).map(|number| format!("user{number}")).find(|user| set(user) != home).unwrap();
    let there = set(&user);
    (user, home, there)
}

/// Lets a process go on again, whatever happens.
struct Stopped<'s>(&'s Server);

impl<'s> Stopped<'s> {
    fn new(server: &'s Server) -> Stopped<'s> {
        server.stand_still(true);
        Stopped(server)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.stand_still(false);
    }
}

#[test]
fn in_a_cluster_both_nodes_are_told_at_once() {
    let nodes = Nodes::start(&["--cluster-node-timeout", "20000"]);
    let store = machine(&nodes.url("?timeout=20"));
    let (user, home, there) = user_elsewhere(&nodes, "a");
    let set = format!("PHPREDIS_CLUSTER_SESSION:_USER_{user}");
    let visitor = Visitor::new(&User::Is(user.as_str().into()), None, None);
    for name in ["a", "a", "b"] {
        write_of(&store, name, &User::Is(user.as_str().into()), in_an_hour());
    }
    let calls = || nodes.calls("evalsha") + nodes.calls("eval");
    for still in [home, there] {
        nodes.servers[there].tell(&["DEL", &set]);
        let held = lease(&store, "a");
        let payload = format!("still {still}").into_bytes();
        let record = Record { visitor: visitor.clone(), ..Record::new(payload.clone(), in_an_hour()) };
        let before = calls();
        std::thread::scope(|scope| {
            let stopped = Stopped::new(&nodes.servers[still]);
            let committing = scope.spawn(|| store.commit(id("a"), Change::Write(&record), held).unwrap());
            until("the other node has done its part", || match still == home {
                true => nodes.servers[there].text(&["ZSCORE", &set, "a"]).is_some(),
                false => {
                    let session = nodes.servers[home].tell(&["GET", "PHPREDIS_CLUSTER_SESSION:a"]);
                    session == Value::BulkString(payload.clone())
                }
            });
            assert!(!committing.is_finished());
            drop(stopped);
            assert_eq!(committing.join().unwrap(), Committed::Done);
        });
        assert_eq!(calls() - before, 2);
        assert!(nodes.servers[there].text(&["ZSCORE", &set, "a"]).is_some());
    }
    assert!(store.notices().take().is_empty());
}

#[test]
fn a_node_that_hangs_costs_sessions_of_others_their_hints_only() {
    let nodes = Nodes::start(&["--cluster-node-timeout", "20000"]);
    let store = machine(&nodes.url("?timeout=0.4"));
    let (user, _, there) = user_elsewhere(&nodes, "a");
    let write = || write_of(&store, "a", &User::Is(user.as_str().into()), in_an_hour());
    write();
    {
        let _stopped = Stopped::new(&nodes.servers[there]);
        let begun = Instant::now();
        (0..10).for_each(|_| write());
        // The first waits for as long as an answer may take, the others do not.
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let notices = store.notices().take();
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert!(notices[0].to_string().contains("did not answer"), "{}", notices[0]);
    }
    nodes.servers[there].tell(&["DEL", &format!("PHPREDIS_CLUSTER_SESSION:_USER_{user}")]);
    until("hints are made again", || {
        write();
        of_user(&store, &user) == ["a"]
    });
}

#[test]
fn hints_follow_a_slot_that_moves() {
    let nodes = Nodes::start(&[]);
    let store = machine(&nodes.url(""));
    let (user, ..) = user_elsewhere(&nodes, "a");
    let set = format!("PHPREDIS_CLUSTER_SESSION:_USER_{user}");
    let user_of_it = User::Is(user.as_str().into());
    write_of(&store, "a", &user_of_it, in_an_hour());
    let slot = nodes.open_slot(&set);
    // It is not there any more, or yet.
    nodes.servers[slot.1].tell(&["DEL", &set]);
    write_of(&store, "b", &user_of_it, in_an_hour());
    assert_eq!(of_user(&store, &user), ["b"]);
    nodes.move_keys(&slot);
    nodes.close_slot(&slot);
    write_of(&store, "a", &user_of_it, in_an_hour());
    assert_eq!(of_user(&store, &user), ["a", "b"]);
    assert_eq!(nodes.master_of(&set), slot.2);
    assert!(store.notices().take().is_empty());
}
