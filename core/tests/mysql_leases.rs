//! Several machines on one MySQL store: who has a session, who loses it, and that nobody's change is lost.
//!
//! A machine is a store of its own: what machines share is the server and nothing else.

mod contract_support;
mod mysql_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contract_support::{id, in_an_hour, read, what_is_created_is_held, write};
use mysql::prelude::Queryable;
use mysql_support::product::Product;
use mysql_support::proxy::Proxy;
use mysql_support::{Mariadb, begin, commit, count_up, counted, machine, machine_that_waits, payload, url, wait_until};
use rustdb_core::backend::mysql::Mysql;
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Backend, Change, Committed, Store, Sweep};
use rustdb_core::visitor::Visitor;

/// The environment variable that makes a machine of this test binary, which takes the session "a" and keeps it.
const HOLD: &str = "RUSTDB_MYSQL_HOLD";

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn before_main() {
        let Ok(url) = std::env::var(HOLD) else { return };
        let store = machine(&url);
        let held = begin(&store, "a");
        println!("{}", held.lease.token != 0);
        loop {
            std::thread::sleep(Duration::from_secs(1));
            store.maintain();
        }
    }
    before_main
};

fn record(payload: &[u8]) -> Record<'static> {
    Record::new(payload.to_vec(), in_an_hour())
}

/// A server, and one that says that it is MySQL, so that nothing is asked of it that only MariaDB knows; MySQL itself,
/// which takes no other name, where the tests run on that.
fn servers() -> Vec<Arc<Mariadb>> {
    match Product::chosen() {
        Product::Mariadb => vec![Mariadb::shared(), Arc::new(Mariadb::start(&["--version=8.0.36"]))],
        Product::Mysql(_) => vec![Mariadb::shared()],
    }
}

#[test]
fn increments_from_two_machines_are_all_counted() {
    for server in servers() {
        let url = url(server.port(), &server.database(), "");
        let machines = [Arc::new(machine(&url)), Arc::new(machine(&url))];
        write(&*machines[0], "counter", b"0", in_an_hour());
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let store = Arc::clone(&machines[number % 2]);
                std::thread::spawn(move || {
                    for _ in 0..25 {
                        let begun = begin(&store, "counter");
                        let count: u64 = String::from_utf8(payload(begun.found).unwrap()).unwrap().parse().unwrap();
                        let next = record((count + 1).to_string().as_bytes());
                        assert_eq!(commit(&store, "counter", Change::Write(&next), begun.lease), Committed::Done);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(read(&*machines[1], "counter").as_deref(), Some(b"200".as_slice()));
    }
}

#[test]
fn who_waits_too_long_is_told_so_and_holds_nothing() {
    let server = Mariadb::shared();
    let url = url(server.port(), &server.database(), "");
    let (holder, waiter) = (machine(&url), machine_that_waits(&url, Duration::from_millis(300)));
    let held = begin(&holder, "a");
    let begun = Instant::now();
    let error = waiter.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    assert!(begun.elapsed() >= Duration::from_millis(300) && begun.elapsed() < Duration::from_secs(5));
    // Others are not held up, and reading takes no lock.
    begin(&waiter, "b");
    assert_eq!(read(&waiter, "a"), None);
    assert_eq!(commit(&holder, "a", Change::None, held.lease), Committed::Done);
    begin(&waiter, "a");
}

#[test]
fn who_does_not_wait_has_what_was_let_go_a_moment_ago() {
    for server in servers() {
        let url = url(server.port(), &server.database(), "");
        let machines = [(); 2].map(|()| machine_that_waits(&url, Duration::ZERO));
        write(&machines[0], "a", b"0", in_an_hour());
        for number in 0..500 {
            let (store, change) = (&machines[number % 2], record(number.to_string().as_bytes()));
            let begun =
                store.begin(id("a"), Access::Exclusive, None).unwrap_or_else(|error| panic!("{number}: {error}"));
            let change = if number % 4 < 2 { Change::Write(&change) } else { Change::None };
            assert_eq!(commit(store, "a", change, begun.lease), Committed::Done);
        }
        begin(&machines[0], "b");
        assert_eq!(machines[1].begin(id("b"), Access::Exclusive, None).unwrap_err().kind(), ErrorKind::LockTimeout);
    }
}

#[test]
fn strict_mode_has_the_sessions_that_exist_alone_and_holds_no_others() {
    for server in servers() {
        let url = url(server.port(), &server.database(), "");
        let (holder, other) = (machine(&url), machine_that_waits(&url, Duration::from_millis(200)));
        write(&holder, "there", b"1", in_an_hour());
        let held = holder.begin(id("there"), Access::ExclusiveIfExists, None).unwrap();
        assert!(held.lease.token != 0 && held.lease.existed);
        let refused = other.begin(id("there"), Access::ExclusiveIfExists, None).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::LockTimeout);
        assert_eq!(commit(&holder, "there", Change::Write(&record(b"2")), held.lease), Committed::Done);
        let missing = holder.begin(id("missing"), Access::ExclusiveIfExists, None).unwrap();
        assert_eq!((missing.lease.token, missing.lease.existed), (0, false));
        let begun = other.begin(id("missing"), Access::Exclusive, None).unwrap();
        assert_eq!(commit(&other, "missing", Change::None, begun.lease), Committed::Done);
    }
}

#[test]
fn a_waiter_gets_the_session_when_it_is_released_and_sees_what_was_written() {
    for server in servers() {
        let url = url(server.port(), &server.database(), "");
        let (holder, waiter) = (machine(&url), machine(&url));
        let held = begin(&holder, "a");
        let waiting = std::thread::spawn(move || {
            let begun = begin(&waiter, "a");
            (Instant::now(), payload(begun.found))
        });
        let mut root = server.root();
        wait_until("the other machine waits", || {
            let waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE state='User lock'";
            root.query_first::<u64, _>(waiting).unwrap() > Some(0)
        });
        assert_eq!(commit(&holder, "a", Change::Write(&record(b"new")), held.lease), Committed::Done);
        let released = Instant::now();
        let (got, payload) = waiting.join().unwrap();
        assert_eq!(payload.as_deref(), Some(b"new".as_slice()));
        assert!(got.saturating_duration_since(released) < Duration::from_secs(1));
    }
}

#[test]
fn a_commit_after_the_connection_was_lost_changes_nothing() {
    let server = Mariadb::shared();
    let database = server.database();
    let url = url(server.port(), &database, "");
    let changed = record(b"changed");
    for change in
        [Change::Write(&changed), Change::Touch(Expiry(now() + 99), &Visitor::UNKNOWN), Change::Destroy, Change::None]
    {
        let (store, other) = (machine(&url), machine(&url));
        write(&store, "a", b"data", in_an_hour());
        let held = begin(&store, "a");
        server.kill_connections(&database);
        assert_eq!(commit(&store, "a", change, held.lease), Committed::LeaseLost);
        assert_eq!(read(&other, "a").as_deref(), Some(b"data".as_slice()));
        // The session is free, and the machine goes on.
        write(&other, "a", b"other", in_an_hour());
        write(&store, "a", b"data", in_an_hour());
    }
}

#[test]
fn statements_that_are_killed_lose_no_acknowledged_increment() {
    for server in servers() {
        let database = server.database();
        let url = url(server.port(), &database, "");
        let reader = machine(&url);
        write(&reader, "counter", b"0", in_an_hour());
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let store = machine(&url);
                std::thread::spawn(move || count_up(&store, "counter", 60))
            })
            .collect();
        let mut root = server.root();
        while !threads.iter().all(|thread| thread.is_finished()) {
            let busy = "SELECT id FROM information_schema.processlist WHERE info IS NOT NULL";
            if let Some(id) = root.query_first::<u64, _>(format!("{busy} AND db='{database}' LIMIT 1")).unwrap() {
                // The connection may have been ended meanwhile.
                let _ = root.query_drop(format!("KILL QUERY {id}"));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        let lost: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        let counted = counted(&reader, "counter");
        assert!((180..=180 + lost).contains(&counted), "{counted} counted, {lost} lost");
    }
}

#[test]
fn under_a_rain_of_kills_every_acknowledged_increment_is_counted() {
    let server = Mariadb::shared();
    let database = server.database();
    let url = url(server.port(), &database, "");
    let reader = machine(&url);
    write(&reader, "counter", b"0", in_an_hour());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let store = machine(&url);
            std::thread::spawn(move || {
                let (mut done, mut lost) = (0, 0);
                while done < 60 {
                    // A new connection may be hit as well, and is not tried again.
                    let Ok(begun) = store.begin(id("counter"), Access::Exclusive, None) else {
                        continue;
                    };
                    let count: u64 = String::from_utf8(payload(begun.found).unwrap()).unwrap().parse().unwrap();
                    let next = record((count + 1).to_string().as_bytes());
                    match store.commit(id("counter"), Change::Write(&next), begun.lease) {
                        Ok(Committed::Done) => done += 1,
                        Ok(Committed::LeaseLost) | Err(_) => lost += 1,
                        Ok(other) => panic!("{other:?}"),
                    }
                }
                (done, lost)
            })
        })
        .collect();
    let mut root = server.root();
    while !threads.iter().all(|thread| thread.is_finished()) {
        let busy = "SELECT id FROM information_schema.processlist WHERE info IS NOT NULL";
        if let Some(id) = root.query_first::<u64, _>(format!("{busy} AND db='{database}' LIMIT 1")).unwrap() {
            // It may have ended by itself meanwhile.
            let _ = root.query_drop(format!("KILL {id}"));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    let ended = threads.into_iter().map(|thread| thread.join().unwrap());
    let (done, lost) = ended.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let counted: u64 = String::from_utf8(read(&reader, "counter").unwrap()).unwrap().parse().unwrap();
    // One that is told to be lost may have been written, if somebody wrote on top of it before it could be found.
    assert!((done..=done + lost).contains(&counted), "{counted} counted, {done} acknowledged, {lost} lost");
    assert!(lost > 0, "no kill hit a lease");
}

#[test]
fn a_lease_of_one_session_writes_no_other() {
    let server = Mariadb::shared();
    let url = url(server.port(), &server.database(), "");
    let store = machine(&url);
    write(&store, "b", b"data", in_an_hour());
    for change in [Change::Write(&record(b"x")), Change::Touch(Expiry(now() + 99), &Visitor::UNKNOWN), Change::Destroy]
    {
        let held = begin(&store, "a");
        assert_eq!(commit(&store, "b", change, held.lease), Committed::LeaseLost);
        assert_eq!(read(&store, "b").as_deref(), Some(b"data".as_slice()));
    }
    let held = begin(&store, "a");
    assert_eq!(commit(&store, "c", Change::Write(&record(b"x")), held.lease), Committed::LeaseLost);
    assert_eq!(read(&store, "c"), None);
}

/// A proxy of two connections, which has as many of its own to the server and may at any time let each go on where the
/// other was.
struct Swapping {
    port: u16,
    swapped: Arc<AtomicBool>,
}

impl Swapping {
    fn to(port: u16) -> Swapping {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (own, swapped) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let servers = [(); 2].map(|()| TcpStream::connect(("127.0.0.1", port)).unwrap());
        let clients: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        for (number, server) in servers.iter().enumerate() {
            let (mut server, swapped, clients) = (server.try_clone().unwrap(), swapped.clone(), clients.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 16 << 10];
                // A server speaks first, and to nobody before somebody has come.
                wait_until("a client has come", || clients.lock().unwrap().len() > number);
                while let Ok(length @ 1..) = server.read(&mut buffer) {
                    let client = &clients.lock().unwrap()[number ^ usize::from(swapped.load(SeqCst))];
                    let _ = (&mut &*client).write_all(&buffer[..length]);
                }
            });
        }
        let swap = swapped.clone();
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().take(2).enumerate() {
                let mut client = client.unwrap();
                clients.lock().unwrap().push(client.try_clone().unwrap());
                let (servers, swap) = (servers.each_ref().map(|server| server.try_clone().unwrap()), swap.clone());
                std::thread::spawn(move || {
                    let mut buffer = [0; 16 << 10];
                    while let Ok(length @ 1..) = client.read(&mut buffer) {
                        let server = &servers[number ^ usize::from(swap.load(SeqCst))];
                        let _ = (&mut &*server).write_all(&buffer[..length]);
                    }
                });
            }
        });
        Swapping { port: own, swapped }
    }
}

#[test]
fn a_proxy_that_hands_a_commit_to_a_connection_that_let_go_of_a_lease_writes_nothing() {
    for server in servers() {
        let database = server.database();
        write(&machine(&url(server.port(), &database, "")), "b", b"before", in_an_hour());
        let proxy = Swapping::to(server.port());
        let [one, other] = [(); 2].map(|()| machine(&url(proxy.port, &database, "")));
        let begun = begin(&one, "a");
        assert_eq!(commit(&one, "a", Change::Write(&record(b"a")), begun.lease), Committed::Done);
        let begun = begin(&other, "b");
        proxy.swapped.store(true, SeqCst);
        assert_eq!(commit(&other, "b", Change::Write(&record(b"after")), begun.lease), Committed::LeaseLost);
        let looked = machine(&url(server.port(), &database, ""));
        assert_eq!(read(&looked, "b").as_deref(), Some(b"before".as_slice()));
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_found_to_be_done() {
    let server = Mariadb::shared();
    let database = server.database();
    let proxy = Proxy::to(server.port());
    let (store, other) = (machine(&url(proxy.port, &database, "")), machine(&url(server.port(), &database, "")));
    let changed = record(b"changed");
    for change in [Change::Write(&changed), Change::Touch(Expiry(now() + 99), &Visitor::UNKNOWN), Change::Destroy] {
        write(&store, "a", b"data", in_an_hour());
        let held = begin(&store, "a");
        proxy.swallow_one_answer();
        assert_eq!(commit(&store, "a", change, held.lease), Committed::Done);
    }
    assert_eq!(read(&other, "a"), None);
    // A new session too, which takes no lease.
    let fresh = store.begin(id("f"), Access::Fresh, None).unwrap();
    proxy.swallow_one_answer();
    assert_eq!(commit(&store, "f", Change::Write(&changed), fresh.lease), Committed::Done);
    assert_eq!(read(&other, "f").as_deref(), Some(b"changed".as_slice()));
    // And one that is created with its lease.
    proxy.swallow_one_answer();
    let held = store.create(id("g"), &record(b"data")).unwrap().unwrap();
    assert_eq!(commit(&store, "g", Change::Write(&changed), held), Committed::Done);
    assert_eq!(read(&other, "g").as_deref(), Some(b"changed".as_slice()));
}

#[test]
fn who_creates_a_session_has_it() {
    for server in servers() {
        let url = url(server.port(), &server.database(), "");
        what_is_created_is_held(&machine(&url), &machine_that_waits(&url, Duration::ZERO));
    }
}

#[test]
fn a_killed_process_frees_its_session() {
    use std::io::{BufRead, BufReader};
    let server = Mariadb::shared();
    let url = url(server.port(), &server.database(), "");
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .env(HOLD, &url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let other = machine_that_waits(&url, Duration::from_millis(100));
    let waited = other.begin(id("a"), Access::Exclusive, None);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(said.trim(), "true");
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::LockTimeout);
    let begun = Instant::now();
    begin(&machine(&url), "a");
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_machine_that_falls_silent_loses_its_sessions_and_one_that_works_keeps_them() {
    let server = Mariadb::shared();
    let database = server.database();
    let proxy = Proxy::to(server.port());
    let direct = url(server.port(), &database, "");
    let (silent, busy) = (machine(&url(proxy.port, &database, "&timeout=1")), machine(&direct));
    write(&silent, "silent", b"data", in_an_hour());
    let lost = begin(&silent, "silent");
    let kept = begin(&busy, "busy");
    proxy.fall_silent();
    let begun = Instant::now();
    let taken = std::thread::spawn(move || payload(begin(&machine(&direct), "silent").found));
    while begun.elapsed() < Duration::from_secs(11) {
        assert!(busy.maintain(), "a lease is held");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(taken.is_finished(), "the session of the silent machine is not free after 11 seconds");
    assert_eq!(taken.join().unwrap().as_deref(), Some(b"data".as_slice()));
    assert_eq!(commit(&busy, "busy", Change::Write(&record(b"x")), kept.lease), Committed::Done);
    proxy.pass();
    // The machine comes back and knows that it lost it.
    silent.maintain();
    assert_eq!(silent.notices().take().len(), 1);
    assert_eq!(commit(&silent, "silent", Change::Destroy, lost.lease), Committed::LeaseLost);
    assert_eq!(read(&busy, "silent").as_deref(), Some(b"data".as_slice()));
}

#[test]
fn a_connection_that_gave_its_lease_back_may_be_idle_for_long() {
    let server = Mariadb::shared();
    let database = server.database();
    let store = machine(&url(server.port(), &database, ""));
    write(&store, "a", b"data", in_an_hour());
    let connection = format!("SELECT id FROM information_schema.processlist WHERE db='{database}'");
    let id: Option<u64> = server.root().query_first(&connection).unwrap();
    wait_until("it is left alone", || !store.maintain());
    std::thread::sleep(Duration::from_secs(10));
    let still: Option<u64> = server.root().query_first(&connection).unwrap();
    assert_eq!((id.is_some(), still), (true, id));
}

#[test]
fn a_server_that_was_restarted_is_used_again_and_leases_from_before_are_lost() {
    let durable = ["--innodb-flush-log-at-trx-commit=1"];
    let mut server = Mariadb::start(&durable);
    let url = url(server.port(), &server.database(), "");
    let store = machine(&url);
    write(&store, "a", b"data", in_an_hour());
    let held = begin(&store, "b");
    // So that there is an idle connection too.
    write(&store, "c", b"data", in_an_hour());
    server.stop();
    server.start_again(&durable);
    assert_eq!(payload(begin(&store, "a").found).as_deref(), Some(b"data".as_slice()));
    assert_eq!(commit(&store, "b", Change::Write(&record(b"x")), held.lease), Committed::LeaseLost);
    assert_eq!(read(&store, "b"), None);
}

#[test]
fn a_sweep_of_another_machine_spares_a_session_that_expired_while_it_is_held() {
    let server = Mariadb::shared();
    let url = url(server.port(), &server.database(), "");
    let (store, other): (Mysql, Mysql) = (machine(&url), machine(&url));
    write(&store, "a", b"data", Expiry(now() + 1));
    let held = begin(&store, "a");
    let later = now() + 100;
    let swept = other.sweep(later, 10, 0, &mut |_| true).unwrap();
    assert_eq!((swept.collected, swept.kept), (0, 1));
    assert_eq!(commit(&store, "a", Change::Touch(in_an_hour(), &Visitor::UNKNOWN), held.lease), Committed::Done);
}
