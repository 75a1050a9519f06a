//! Servers that are down, hang and come back.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustdb_core::error::ErrorKind;
use rustdb_core::record::Record;
use rustdb_core::store::{Access, Change, Committed, Store};

use crate::contract_support::{id, in_an_hour};
use crate::machine::{Machine, Servers, large, payload};
use crate::mysql_support::{Mariadb, url, wait_until};
use crate::server::Server;

#[test]
fn a_redis_that_is_gone_is_told_of_once_and_used_again_when_it_is_back() {
    let mut at = Servers::start();
    let machine = at.machine();
    machine.write("a", &large("0"));
    at.redis.kill();
    for turn in 1..100 {
        machine.write("a", &large(&turn.to_string()));
        assert_eq!(machine.visit("a"), Some(large(&turn.to_string())));
    }
    let log = machine.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains(&at.redis.url()) && log[0].contains("sessions go on without it"), "{}", log[0]);
    at.redis.start_again();
    wait_until("there is a copy again", || {
        assert_eq!(machine.visit("a"), Some(large("99")));
        at.copy("a").is_some()
    });
}

#[test]
fn a_redis_that_fails_is_left_alone_by_the_whole_machine() {
    let at = Servers::start();
    // It takes every connection and closes it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(client);
        }
    });
    let one = Machine::at(port, &at.url);
    let other = one.process_beside(&format!("redis://127.0.0.1:{port}?least=0"), &at.url);
    let begun = Instant::now();
    for turn in 0..40 {
        one.write("a", &large(&turn.to_string()));
        assert_eq!(other.visit("a"), Some(large(&turn.to_string())));
    }
    // Once, and then every 5 seconds; if a connection breaks, it is made once more.
    let most = 2 * (1 + begun.elapsed().as_secs() / 5);
    assert!((1..=most).contains(&asked.load(Ordering::SeqCst)), "{asked:?} connections");
}

#[test]
fn a_redis_that_hangs_costs_one_request_half_a_second() {
    let at = Servers::start();
    let machine = at.machine();
    machine.write("a", &large("1"));
    at.redis.stand_still(true);
    let begun = Instant::now();
    assert_eq!(machine.visit("a"), Some(large("1")));
    let first = begun.elapsed();
    assert!((400..1500).contains(&first.as_millis()), "{first:?}");
    let begun = Instant::now();
    machine.write("a", &large("2"));
    assert_eq!(machine.visit("a"), Some(large("2")));
    let rest = begun.elapsed();
    at.redis.stand_still(false);
    assert!(rest < Duration::from_millis(490), "{rest:?}");
    assert!(machine.log()[0].contains("0.5 seconds"));
    assert_eq!(machine.visit("a"), Some(large("2")));
}

#[test]
fn a_redis_that_is_full_keeps_nothing_and_harms_nobody() {
    let at = Servers::start();
    let machine = at.machine();
    machine.write("a", &large("1"));
    at.redis.tell(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    at.redis.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    machine.write("a", &large("2"));
    assert_eq!(machine.visit("a"), Some(large("2")));
    assert!(machine.log()[0].contains("maxmemory"));
    machine.destroy("a");
    assert_eq!(machine.visit("a"), None);
}

#[test]
fn without_mysql_nothing_is_served() {
    let redis = Server::start(&[]);
    let mut mysql = Mariadb::start(&["--innodb-flush-log-at-trx-commit=1"]);
    let database = mysql.database();
    let machine = Machine::at(redis.port(), &url(mysql.port(), &database, ""));
    machine.write("a", &large("1"));
    machine.write("b", &large("1"));
    let held = machine.begin("a").lease;
    mysql.stop();
    let record = Record::new(large("2"), in_an_hour());
    machine.store.commit(id("a"), Change::Write(&record), held).unwrap_err();
    for access in [Access::Exclusive, Access::ReadOnly, Access::ExclusiveIfExists] {
        let error = machine.store.begin(id("b"), access, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        assert!(error.to_string().contains("mysql://tester@127.0.0.1"), "{error}");
    }
    machine.store.begin(id("b"), Access::Exclusive, None).unwrap_err();
    mysql.start_again(&[]);
    wait_until("it is tried again", || machine.store.begin(id("a"), Access::ReadOnly, None).is_ok());
    assert_eq!((machine.visit("a"), machine.visit("b")), (Some(large("1")), Some(large("1"))));
    let copy = redis.text(&["GET", "RUSTDB_COPY:a"]).unwrap();
    assert_eq!(copy.into_bytes(), large("1"), "what MySQL did not take is not in Redis");
}

/// Counts a session up; what it is padded with depends on the number, so that nothing old goes unnoticed.
fn count_up(machine: &Machine, name: &str) -> u64 {
    let begun = machine.begin(name);
    let there = payload(begun.found).map_or(0, |payload| {
        let text = String::from_utf8(payload).unwrap();
        let number = text.split('|').next().unwrap().parse().unwrap();
        assert_eq!(text.into_bytes(), large(&number_text(number)), "a mixture");
        number
    });
    let record = Record::new(large(&number_text(there + 1)), in_an_hour());
    assert_eq!(machine.commit(name, Change::Write(&record), begun.lease), Committed::Done);
    there + 1
}

fn number_text(number: u64) -> String {
    number.to_string()
}

#[test]
fn increments_on_two_machines_are_exact_whatever_befalls_redis() {
    const EACH: u64 = 400;
    let at = Servers::start();
    let Servers { redis, url, .. } = at;
    let port = redis.port();
    let redis = Mutex::new(redis);
    // One of three never reaches Redis.
    let machines = [Machine::at(port, &url), Machine::at(port, &url), Machine::at(1, &url)];
    let (counted, destroyed, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let mut rounds = 0;
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for machine in &machines {
            clients.push(scope.spawn(|| {
                for turn in 0..EACH {
                    let number = count_up(machine, "counted");
                    counted.fetch_max(number, Ordering::SeqCst);
                    if turn % 10 == 0 {
                        // Each a session of its own, made and ended, which nobody brings back.
                        let name = format!("d{}", destroyed.fetch_add(1, Ordering::SeqCst));
                        machine.write(&name, &large("x"));
                        machine.destroy(&name);
                        for other in &machines {
                            assert_eq!(other.visit(&name), None);
                        }
                    }
                }
            }));
        }
        // Ends with the clients, so that each kind of mishap meets some of them.
        let mishaps = scope.spawn(|| {
            let mut redis = redis.lock().unwrap();
            while !done.load(Ordering::SeqCst) {
                match rounds % 4 {
                    0 => drop(redis.tell(&["FLUSHALL"])),
                    1 => drop(redis.tell(&["SAVE"])),
                    2 => {
                        redis.kill();
                        std::thread::sleep(Duration::from_millis(50));
                        redis.start_again();
                    }
                    _ => {
                        redis.stand_still(true);
                        std::thread::sleep(Duration::from_millis(50));
                        redis.stand_still(false);
                    }
                }
                rounds += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let joined: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        done.store(true, Ordering::SeqCst);
        mishaps.join().unwrap();
        joined.into_iter().for_each(|joined| joined.unwrap());
    });
    let all = EACH * machines.len() as u64;
    assert_eq!(counted.into_inner(), all);
    for machine in &machines {
        assert_eq!(machine.visit("counted"), Some(large(&number_text(all))));
    }
    for number in 0..destroyed.into_inner() {
        assert_eq!(machines[0].visit(&format!("d{number}")), None);
    }
    assert!(rounds >= 4, "only {rounds} mishaps");
}

#[test]
fn the_user_of_the_front_needs_no_more_than_the_documentation_says() {
    let at = Servers::start();
    let page = include_str!("../../../docs/chain.md");
    let statement = page.lines().find_map(|line| line.trim().strip_prefix("ACL SETUSER ")).unwrap();
    let mut command = vec!["ACL", "SETUSER"];
    command.extend(statement.split(' '));
    at.redis.tell(&command);
    let machine = Machine::at_url(&at.redis.url().replace("://", "://copies:PASSWORD@"), &at.url);
    machine.write("a", &large("1"));
    assert_eq!(machine.visit("a"), Some(large("1")));
    at.redis.tell(&["FLUSHALL"]);
    assert_eq!(machine.visit("a"), Some(large("1")));
    assert!(at.copy("a").is_some());
    machine.write("a", b"small");
    machine.destroy("a");
    assert_eq!(machine.log(), [] as [&str; 0]);
}
