//! Copies that are old, foreign or late: none is believed.

use std::time::Duration;

use rustdb_core::record::Record;
use rustdb_core::store::{Access, Change, Committed, Store};

use crate::contract_support::{id, in_an_hour};
use crate::machine::{Machine, Servers, large, payload};
use crate::mysql_support::proxy::Proxy;
use crate::server::Server;

/// A machine that never reaches a Redis.
fn cut_off(at: &Servers) -> Machine {
    Machine::at(1, &at.url)
}

fn read(machine: &Machine, name: &str) -> Option<Vec<u8>> {
    payload(machine.store.begin(id(name), Access::ReadOnly, None).unwrap().found)
}

#[test]
fn what_a_machine_without_redis_wrote_is_what_the_others_see() {
    let at = Servers::start();
    let (here, there) = (at.machine(), cut_off(&at));
    here.write("a", &large("first"));
    for turn in 0..30 {
        let now = large(&turn.to_string());
        there.write("a", &now);
        assert_ne!(at.copy("a").unwrap().into_bytes(), now, "the older copy is still there");
        match turn % 3 {
            0 => assert_eq!(read(&here, "a"), Some(now)),
            1 => assert_eq!(here.visit("a"), Some(now)),
            _ => here.write("a", &[now, b"and more".to_vec()].concat()),
        }
    }
    assert_eq!(there.visit("a"), here.visit("a"));
}

#[test]
fn what_a_machine_without_redis_destroyed_does_not_come_back() {
    let at = Servers::start();
    let (here, there) = (at.machine(), cut_off(&at));
    for name in ["read", "visited", "written"] {
        here.write(name, &large("1"));
        there.destroy(name);
        assert!(at.copy(name).is_some(), "the copy is still there");
    }
    assert_eq!((read(&here, "read"), here.visit("visited")), (None, None));
    let begun = here.store.begin(id("written"), Access::ExclusiveIfExists, None).unwrap();
    assert_eq!(payload(begun.found), None);
    for name in ["read", "visited", "written"] {
        assert_eq!(at.copy(name), None, "whoever sees it tidies up");
        assert_eq!(here.visit(name), None);
    }
}

#[test]
fn a_machine_that_loses_redis_for_the_time_of_one_commit_leaves_nothing_wrong() {
    let at = Servers::start();
    let proxy = Proxy::to(at.redis.port());
    let (here, there) = (Machine::at(proxy.port, &at.url), at.machine());
    here.write("a", &large("1"));
    assert_eq!(there.visit("a"), Some(large("1")));
    let lease = here.begin("a").lease;
    proxy.fall_silent();
    assert_eq!(here.commit("a", Change::Write(&Record::new(large("2"), in_an_hour())), lease), Committed::Done);
    proxy.pass();
    assert_eq!(at.copy("a").unwrap().into_bytes(), large("1"));
    assert_eq!((there.visit("a"), here.visit("a")), (Some(large("2")), Some(large("2"))));
}

#[test]
fn an_answer_of_redis_that_is_lost_changes_nothing() {
    let at = Servers::start();
    let proxy = Proxy::to(at.redis.port());
    let machine = Machine::at(proxy.port, &at.url);
    machine.write("a", &large("0"));
    for turn in 1..6 {
        proxy.swallow_one_answer();
        machine.write("a", &large(&turn.to_string()));
        proxy.swallow_one_answer();
        assert_eq!(machine.visit("a"), Some(large(&turn.to_string())));
    }
    proxy.swallow_one_answer();
    machine.destroy("a");
    assert_eq!((machine.visit("a"), at.copy("a")), (None, None));
}

#[test]
fn a_dump_of_yesterday_is_not_believed() {
    let mut at = Servers::start();
    let (here, there) = (at.machine(), at.machine());
    for name in ["changed", "destroyed", "begun anew", "same"] {
        here.write(&name.replace(' ', "-"), &large("1"));
    }
    at.redis.tell(&["SAVE"]);
    here.write("changed", &large("2"));
    there.destroy("destroyed");
    there.destroy("begun-anew");
    there.write("begun-anew", &large("2"));
    at.redis.kill();
    at.redis.start_again();
    assert!(at.copy("destroyed").is_some(), "it is back in Redis");
    for machine in [&here, &there] {
        assert_eq!(machine.visit("changed"), Some(large("2")));
        assert_eq!(machine.visit("destroyed"), None);
        assert_eq!(machine.visit("begun-anew"), Some(large("2")));
        assert_eq!(machine.visit("same"), Some(large("1")));
    }
    assert_eq!((here.log(), there.log()), (vec![], vec![]));
}

#[test]
fn a_foreign_value_under_the_key_of_a_copy_is_not_believed() {
    let at = Servers::start();
    let machine = at.machine();
    machine.write("mine", &large("mine"));
    machine.write("yours", &large("yours"));
    at.redis.tell(&["COPY", "RUSTDB_COPY:yours", "RUSTDB_COPY:mine", "REPLACE"]);
    assert_eq!(machine.visit("mine"), Some(large("mine")));
    at.redis.tell(&["SET", "RUSTDB_COPY:mine", "nonsense"]);
    assert_eq!(machine.visit("mine"), Some(large("mine")));
    at.redis.tell(&["DEL", "RUSTDB_COPY:mine"]);
    at.redis.tell(&["HSET", "RUSTDB_COPY:mine", "data", "x"]);
    assert_eq!(machine.visit("mine"), Some(large("mine")));
    assert!(machine.log()[0].contains("prefix="), "what cannot be a copy is told of");
}

#[test]
fn machines_with_a_redis_each_see_one_and_the_same_session() {
    let at = Servers::start();
    let nearer = Server::start(&[]);
    let (here, there) = (at.machine(), Machine::at(nearer.port(), &at.url));
    for turn in 0..10 {
        let (writer, reader) = if turn % 2 == 0 { (&here, &there) } else { (&there, &here) };
        writer.write("a", &large(&turn.to_string()));
        assert_eq!(reader.visit("a"), Some(large(&turn.to_string())));
    }
    here.destroy("a");
    assert_eq!(there.visit("a"), None);
}

#[test]
fn without_locking_the_last_who_writes_has_the_last_word() {
    let at = Servers::start();
    let machine = || Machine::new(&format!("{}?least=0", at.redis.url()), &at.url, false);
    let (one, two) = (machine(), machine());
    one.write("a", b"0");
    let (first, second) = (one.begin("a").lease, two.begin("a").lease);
    let write = |machine: &Machine, text: &[u8], lease| {
        machine.commit("a", Change::Write(&Record::new(text.to_vec(), in_an_hour())), lease)
    };
    assert_eq!(write(&two, b"2", second), Committed::Done);
    assert_eq!(write(&one, b"1", first), Committed::Done);
    assert_eq!((one.visit("a"), two.visit("a")), (Some(b"1".to_vec()), Some(b"1".to_vec())));
}

#[test]
fn a_lease_that_was_lost_brings_nothing_to_either() {
    let at = Servers::start();
    let machine = at.machine();
    machine.write("a", &large("1"));
    let lease = machine.begin("a").lease;
    at.mysql.kill_connections(&at.database);
    let record = Record::new(large("2"), in_an_hour());
    assert_eq!(machine.commit("a", Change::Write(&record), lease), Committed::LeaseLost);
    assert_eq!(at.copy("a").unwrap().into_bytes(), large("1"));
    assert_eq!(machine.visit("a"), Some(large("1")));
}

#[test]
fn an_id_that_is_not_new_is_found_out_and_its_copy_kept() {
    let at = Servers::start();
    let machine = at.machine();
    machine.write("a", &large("1"));
    let lease = machine.store.begin(id("a"), Access::Fresh, None).unwrap().lease;
    let record = Record::new(large("intruder"), in_an_hour());
    assert_eq!(machine.commit("a", Change::Write(&record), lease), Committed::Collision);
    assert_eq!(at.copy("a").unwrap().into_bytes(), large("1"));
    assert_eq!(machine.visit("a"), Some(large("1")));
}

#[test]
fn a_lease_excludes_a_machine_that_does_not_reach_redis_and_is_not_ended_with_it() {
    let mut at = Servers::start();
    let here = at.machine();
    let there = cut_off(&at);
    here.write("a", &large("1"));
    let lease = here.begin("a").lease;
    at.redis.kill();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| there.begin("a"));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished(), "both have the session");
        at.redis.start_again();
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished(), "both have the session");
        assert_eq!(here.commit("a", Change::Write(&Record::new(large("2"), in_an_hour())), lease), Committed::Done);
        let begun = waiting.join().unwrap();
        assert_eq!(payload(begun.found), Some(large("2")));
        there.commit("a", Change::None, begun.lease);
    });
}
