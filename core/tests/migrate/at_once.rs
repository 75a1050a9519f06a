//! Several processes and machines that want the same session at once, while it is still at its old place.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustdb_core::sessions::{Intent, Sessions, Told};
use rustdb_core::store::Access;

use crate::contract_support::id;
use crate::here::{Here, LIFETIME};
use crate::mysql_support::{Mariadb, url};
use crate::places::{Files, Keys, Place, Rows, USERFROSTING};
use crate::server::Server;

const SESSIONS: usize = 25;

fn names() -> Vec<String> {
    (0..SESSIONS).map(|number| format!("visitor{number}")).collect()
}

/// Counts a session up.
fn count(sessions: &Sessions, name: &str, access: Access) {
    let mut held = sessions.begin(id(name), access).unwrap().expect("strict mode knows it");
    let payload = held.take_payload().unwrap();
    let count: u64 = String::from_utf8(payload).unwrap().parse().expect("no visitor starts anew");
    sessions.commit(&mut held, Intent::Write((count + 1).to_string().as_bytes()), LIFETIME, &Told::default()).unwrap();
    sessions.release(held);
}

/// All of them count each session up twice, in the same order and begun at the same time.
fn count_all(at: &impl Place, all: &[&Sessions]) {
    names().iter().for_each(|name| at.put(name, b"100", 1000));
    let barrier = Barrier::new(all.len());
    std::thread::scope(|scope| {
        for (number, sessions) in all.iter().enumerate() {
            let barrier = &barrier;
            scope.spawn(move || {
                for name in names() {
                    barrier.wait();
                    let access = if number % 2 == 0 { Access::Exclusive } else { Access::ExclusiveIfExists };
                    count(sessions, &name, access);
                    count(sessions, &name, access);
                }
            });
        }
    });
}

/// Machines that share a store.
fn machines(at: &impl Place, store: &str) {
    for more in ["", "&remove=1"] {
        let machines: Vec<Here> = (0..4).map(|_| Here::on_server(store, &at.url(more))).collect();
        count_all(at, &machines.iter().map(|machine| &machine.sessions).collect::<Vec<_>>());
        for name in names() {
            assert_eq!(machines[0].find(&name).as_deref(), Some(b"108".as_slice()));
            assert_eq!(at.has(&name), more.is_empty());
            machines[1].destroy(&name);
            assert!(machines.iter().all(|machine| machine.find(&name).is_none()) && !at.has(&name));
        }
        assert_eq!(machines.iter().map(Here::migrated).sum::<u64>(), SESSIONS as u64);
    }
}

#[test]
fn processes_with_an_embedded_store_bring_each_session_over_once() {
    for more in ["", "&remove=1"] {
        let at = Files::new(0, "sess_");
        let here = Here::new(&at.url(more));
        let others: Vec<Sessions> = (0..3).map(|_| here.beside(&at.url(more), &[])).collect();
        count_all(&at, &others.iter().chain([&here.sessions]).collect::<Vec<_>>());
        for name in names() {
            assert_eq!(here.find(&name).as_deref(), Some(b"108".as_slice()));
            assert_eq!(at.has(&name), more.is_empty());
        }
        assert_eq!(here.migrated(), SESSIONS as u64);
    }
}

#[test]
fn machines_with_redis_bring_each_session_over_once() {
    let store = Server::start(&[]);
    machines(&Files::new(0, "sess_"), &store.socket_url());
    // From one prefix to another of the same server.
    let at = Keys { server: store, prefix: "old:" };
    let url = format!("{}?prefix=new:", at.server.socket_url());
    machines(&at, &url);
}

#[test]
fn machines_with_mysql_bring_each_session_over_once() {
    let server = Mariadb::shared();
    machines(&Files::new(0, "sess_"), &url(server.port(), &server.database(), ""));
    let at = Rows::of(&USERFROSTING);
    machines(&at, &url(server.port(), &server.database(), "&lock=lease"));
}

#[test]
fn without_locks_nobody_starts_anew_and_nobody_who_was_logged_out_comes_back() {
    let server = Server::start(&[]);
    let mysql = Mariadb::shared();
    let table = url(mysql.port(), &mysql.database(), "");
    for store in ["", &server.socket_url(), &table] {
        for more in ["", "&remove=1"] {
            let at = Files::new(0, "sess_");
            let lock = &[("lock", "none")];
            // What has ended here in the round before is remembered for a while.
            server.tell(&["FLUSHALL"]);
            let here = match store {
                "" => Here::with(&at.url(more), lock),
                store => Here::on_server_with(store, &at.url(more), lock),
            };
            let others: Vec<Sessions> = (0..3).map(|_| here.beside(&at.url(more), lock)).collect();
            names().iter().for_each(|name| at.put(name, b"login", 1000));
            let barrier = Barrier::new(4);
            let seen = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for (number, sessions) in others.iter().chain([&here.sessions]).enumerate() {
                    let (barrier, seen) = (&barrier, &seen);
                    scope.spawn(move || {
                        for name in names() {
                            barrier.wait();
                            let mut held = sessions.begin(id(&name), Access::Exclusive).unwrap().unwrap();
                            seen.fetch_add(usize::from(held.exists()), Ordering::Relaxed);
                            if number == 0 {
                                sessions.commit(&mut held, Intent::Destroy, LIFETIME, &Told::default()).unwrap();
                            }
                            sessions.release(held);
                        }
                    });
                }
            });
            // Who ends it finds it; the others find it unless they come after that.
            let seen = seen.into_inner();
            assert!(seen >= SESSIONS, "{store} {more}: {seen}");
            for name in names() {
                assert_eq!(here.find(&name), None, "{store} {more}");
                assert!(!at.has(&name));
            }
        }
    }
}
