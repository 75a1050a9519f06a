//! What a request costs, counted on the wire.

use mysql::prelude::Queryable;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Change, Committed, Store};
use rustdb_core::visitor::Visitor;

use crate::contract_support::{id, in_an_hour};
use crate::machine::{Machine, Servers, large, payload};
use crate::mysql_support::proxy::Proxy;
use crate::mysql_support::{Mariadb, url};

/// A machine whose ways to both servers are counted.
struct Counted {
    machine: Machine,
    redis: Proxy,
    mysql: Proxy,
}

impl Counted {
    fn on(at: &Servers) -> Counted {
        let (redis, mysql) = (Proxy::to(at.redis.port()), Proxy::to(at.mysql.port()));
        let counted = Counted { machine: Machine::at(redis.port, &url(mysql.port, &at.database, "")), redis, mysql };
        // Connections, the table, and scripts that Redis does not know yet.
        counted.machine.write("warm", &large("1"));
        counted.machine.visit("warm");
        counted.machine.write("warm", b"");
        counted.machine.destroy("warm");
        counted
    }

    /// Round trips to Redis and to MySQL.
    fn trips<T>(&self, work: impl FnOnce(&Machine) -> T) -> ((usize, usize), T) {
        let (redis, (mysql, done)) = self.redis.count(|| self.mysql.count(|| work(&self.machine)));
        ((redis, mysql), done)
    }
}

#[test]
fn small_sessions_cost_what_they_cost_without_a_chain() {
    let at = Servers::start();
    let counted = Counted::on(&at);
    assert_eq!(counted.trips(|machine| machine.write("new", b"1")).0, (0, 2));
    assert_eq!(counted.trips(|machine| machine.visit("new")).0, (0, 2));
    assert_eq!(counted.trips(|machine| machine.write("new", b"2")).0, (0, 2));
    let read = |machine: &Machine| machine.store.begin(id("new"), Access::ReadOnly, None).unwrap();
    assert_eq!(counted.trips(read).0, (0, 1));
    let absent = |machine: &Machine| machine.store.begin(id("none"), Access::ExclusiveIfExists, None).unwrap();
    assert_eq!(counted.trips(absent).0, (0, 1));
    assert_eq!(counted.trips(|machine| machine.destroy("new")).0, (1, 2));
}

#[test]
fn large_sessions_cost_a_round_trip_to_redis_at_each_end_that_needs_it() {
    let at = Servers::start();
    let counted = Counted::on(&at);
    assert_eq!(counted.trips(|machine| machine.write("a", &large("1"))).0, (1, 2), "new");
    assert_eq!(counted.trips(|machine| machine.visit("a")), ((1, 2), Some(large("1"))), "unchanged");
    assert_eq!(counted.trips(|machine| machine.write("a", &large("2"))).0, (2, 2), "modified");
    let touch = |machine: &Machine| {
        let lease = machine.begin("a").lease;
        machine.commit("a", Change::Touch(Expiry(now() + 5000), &Visitor::UNKNOWN), lease)
    };
    assert_eq!(counted.trips(touch), ((1, 2), Committed::Done), "prolonged");
    let read = |machine: &Machine| payload(machine.store.begin(id("a"), Access::ReadOnly, None).unwrap().found);
    assert_eq!(counted.trips(read), ((1, 1), Some(large("2"))), "read and closed");
    at.redis.tell(&["DEL", "RUSTDB_COPY:a"]);
    assert_eq!(counted.trips(|machine| machine.visit("a")), ((2, 2), Some(large("2"))), "filled in");
    assert_eq!(counted.trips(|machine| machine.visit("a")).0, (1, 2), "and there");
    Machine::at(1, &at.url).write("a", &large("3"));
    assert_eq!(counted.trips(|machine| machine.visit("a")), ((2, 2), Some(large("3"))), "old there");
    assert_eq!(counted.trips(|machine| machine.destroy("a")).0, (2, 2), "destroyed");
    let fresh = |machine: &Machine| {
        let lease = machine.store.begin(id("b"), Access::Fresh, None).unwrap().lease;
        machine.commit("b", Change::Write(&Record::new(large("1"), in_an_hour())), lease)
    };
    assert_eq!(counted.trips(fresh), ((1, 1), Committed::Done), "with an id made a moment ago");
    let create = |machine: &Machine| {
        let held = machine.store.create(id("c"), &Record::new(large("1"), in_an_hour())).unwrap().unwrap();
        machine.commit("c", Change::None, held)
    };
    assert_eq!(counted.trips(create), ((1, 2), Committed::Done), "created with its lease");
    assert_eq!(counted.trips(|machine| machine.visit("c")), ((1, 2), Some(large("1"))), "and there");
}

#[test]
fn another_machine_learns_at_its_first_visit_that_a_session_is_large() {
    let at = Servers::start();
    at.machine().write("a", &large("1"));
    let other = Counted::on(&at);
    assert_eq!(other.trips(|machine| machine.visit("a")), ((0, 2), Some(large("1"))));
    assert_eq!(other.trips(|machine| machine.visit("a")), ((1, 2), Some(large("1"))));
}

#[test]
fn mysql_sends_no_payload_that_redis_has() {
    let mysql = Mariadb::start(&[]);
    let database = mysql.database();
    let redis = crate::server::Server::start(&[]);
    let machine = Machine::at(redis.port(), &url(mysql.port(), &database, ""));
    let payload = vec![7; 300_000];
    machine.write("a", &payload);
    let mut root = mysql.root();
    let mut sent = || {
        let row: (String, u64) = root.query_first("SHOW GLOBAL STATUS LIKE 'Bytes_sent'").unwrap().unwrap();
        row.1
    };
    let before = sent();
    for _ in 0..5 {
        assert_eq!(machine.visit("a").as_ref(), Some(&payload));
    }
    let after = sent();
    assert!(after - before < 10_000, "{} bytes", after - before);
    redis.tell(&["FLUSHALL"]);
    assert_eq!(machine.visit("a").as_ref(), Some(&payload));
    assert!(sent() - after > 400_000, "once more, in base64");
}
