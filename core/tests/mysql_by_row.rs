//! Locks as rows (`?lock=lease`): every promise of the store contract, and what such a lock is worth.
//!
//! A machine is a store of its own: what machines share is the server and nothing else.

#[macro_use]
mod contract_support;
mod mysql_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::mysql::prelude::Queryable;
use contract_support::{id, in_an_hour, lease, read, what_is_created_is_held, write};
use mysql_support::proxy::Proxy;
use mysql_support::{Mariadb, begin, commit, count_up, counted, machine, machine_that_waits, payload, url, wait_until};
use rustdb_core::backend::mysql::{LOCKS_DDL, Mysql};
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Backend, Change, Committed, Found, Lease, Store, Sweep};
use rustdb_core::visitor::Visitor;

struct Place {
    store: Mysql,
    url: String,
    database: String,
    server: Arc<Mariadb>,
}

fn place() -> Place {
    let server = Mariadb::shared();
    let database = server.database();
    let url = url(server.port(), &database, "&lock=lease");
    Place { store: machine(&url), url, database, server }
}

impl Place {
    fn through(&self, proxy: &Proxy, more: &str) -> Mysql {
        machine(&(url(proxy.port, &self.database, "&lock=lease") + more))
    }

    fn sql(&self, sql: &str) {
        let mut root = self.server.root();
        root.query_drop(format!("USE {}", self.database)).unwrap();
        root.query_drop(sql).unwrap();
    }

    fn locks(&self) -> usize {
        let count = format!("SELECT COUNT(*) FROM {}.sessions_locks", self.database);
        self.server.root().query_first(count).unwrap().unwrap()
    }
}

fn record(payload: &[u8]) -> Record<'static> {
    Record::new(payload.to_vec(), in_an_hour())
}

contract!(contract_with_locks_as_rows, place());

#[test]
fn a_request_takes_one_round_trip_to_begin_and_one_to_commit() {
    let at = place();
    let proxy = Proxy::to(at.server.port());
    let store = at.through(&proxy, "");
    write(&store, "warm", b"x", in_an_hour());
    let record = Record::new(vec![b'x'; 20_000], in_an_hour());
    let rounds = [
        ("new", Change::Write(&record)),
        ("modified", Change::Write(&record)),
        ("touched", Change::Touch(Expiry(now() + 99), &Visitor::UNKNOWN)),
        ("unchanged", Change::None),
        ("destroyed", Change::Destroy),
    ];
    for (what, change) in rounds {
        let (to_begin, begun) = proxy.count(|| begin(&store, "a"));
        assert!(begun.lease.token != 0 && at.locks() == 1);
        let (to_commit, committed) = proxy.count(|| commit(&store, "a", change, begun.lease));
        assert_eq!((what, to_begin, to_commit, committed), (what, 1, 1, Committed::Done));
        assert_eq!(at.locks(), 0);
    }
    let (to_create, held) = proxy.count(|| store.create(id("b"), &record).unwrap().unwrap());
    assert_eq!((to_create, at.locks()), (1, 1));
    let (to_commit, committed) = proxy.count(|| commit(&store, "b", Change::Destroy, held));
    assert_eq!((to_commit, committed, at.locks()), (1, Committed::Done, 0));
    for (name, found) in [("nobody", false), ("warm", true)] {
        let look = || store.begin(id(name), Access::ExclusiveIfExists, None).unwrap();
        let (to_look, begun) = proxy.count(look);
        assert_eq!((name, to_look, begun.lease.token != 0), (name, 1, found));
    }
}

#[test]
fn who_creates_a_session_has_it() {
    let at = place();
    what_is_created_is_held(&at.store, &machine_that_waits(&at.url, Duration::ZERO));
    let proxy = Proxy::to(at.server.port());
    let store = at.through(&proxy, "");
    write(&store, "warm", b"x", in_an_hour());
    proxy.swallow_one_answer();
    let held = store.create(id("lost"), &record(b"data")).unwrap().unwrap();
    assert_eq!(commit(&store, "lost", Change::Write(&record(b"changed")), held), Committed::Done);
    assert_eq!(read(&at.store, "lost").as_deref(), Some(b"changed".as_slice()));
}

#[test]
fn increments_from_four_machines_are_all_counted() {
    let at = place();
    write(&at.store, "counter", b"0", in_an_hour());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let store = machine(&at.url);
            std::thread::spawn(move || count_up(&store, "counter", 50))
        })
        .collect();
    assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>(), 0, "lost");
    assert_eq!(counted(&at.store, "counter"), 200);
    assert_eq!(at.locks(), 0);
}

#[test]
fn touching_what_is_not_there_says_so_and_keeps_the_lease() {
    let at = place();
    let held = begin(&at.store, "a").lease;
    assert_eq!(commit(&at.store, "a", Change::Touch(in_an_hour(), &Visitor::UNKNOWN), held), Committed::Gone);
    assert_eq!(commit(&at.store, "a", Change::Write(&record(b"again")), held), Committed::Done);
    assert_eq!(read(&at.store, "a").as_deref(), Some(b"again".as_slice()));
    assert_eq!((commit(&at.store, "a", Change::None, held), at.locks()), (Committed::LeaseLost, 0));
}

#[test]
fn a_session_ended_by_somebody_else_stays_ended() {
    let at = place();
    for change in [Change::Write(&record(b"new")), Change::Touch(in_an_hour(), &Visitor::UNKNOWN)] {
        write(&at.store, "a", b"data", in_an_hour());
        let held = begin(&at.store, "a").lease;
        at.sql("DELETE FROM sessions");
        assert_eq!(commit(&at.store, "a", change, held), Committed::Ended);
        assert_eq!((read(&at.store, "a"), at.locks()), (None, 0));
    }
}

#[test]
fn a_commit_without_the_token_changes_nothing() {
    let at = place();
    let changed = record(b"changed");
    for change in
        [Change::Write(&changed), Change::Touch(Expiry(now() + 99), &Visitor::UNKNOWN), Change::Destroy, Change::None]
    {
        let other = machine(&at.url);
        write(&at.store, "a", b"data", in_an_hour());
        let there = || read(&other, "a");
        // Its row is gone, and it is somebody else's.
        let held = begin(&at.store, "a");
        at.sql("DELETE FROM sessions_locks");
        assert_eq!(commit(&at.store, "a", change, held.lease), Committed::LeaseLost);
        assert_eq!(there().as_deref(), Some(b"data".as_slice()));
        let held = begin(&at.store, "a");
        at.sql("UPDATE sessions_locks SET expires='2020-01-01'");
        let taken = begin(&other, "a");
        assert_eq!(commit(&at.store, "a", change, held.lease), Committed::LeaseLost);
        assert_eq!(there().as_deref(), Some(b"data".as_slice()));
        assert_eq!(commit(&other, "a", Change::Write(&record(b"data")), taken.lease), Committed::Done);
    }
    // A new session as well.
    let held = begin(&at.store, "new");
    at.sql("DELETE FROM sessions_locks");
    assert_eq!(commit(&at.store, "new", Change::Write(&changed), held.lease), Committed::LeaseLost);
    assert_eq!(read(&at.store, "new"), None);
}

#[test]
fn a_lease_outlives_its_connection() {
    let at = place();
    write(&at.store, "a", b"data", in_an_hour());
    let held = begin(&at.store, "a");
    at.server.kill_connections(&at.database);
    assert_eq!(commit(&at.store, "a", Change::Write(&record(b"new")), held.lease), Committed::Done);
    assert_eq!(read(&at.store, "a").as_deref(), Some(b"new".as_slice()));
}

#[test]
fn a_commit_whose_answer_is_lost_is_carried_out_once() {
    let at = place();
    let proxy = Proxy::to(at.server.port());
    let store = at.through(&proxy, "");
    let changed = record(b"changed");
    for change in
        [Change::Write(&changed), Change::Touch(Expiry(now() + 99), &Visitor::UNKNOWN), Change::Destroy, Change::None]
    {
        write(&at.store, "a", b"data", in_an_hour());
        let held = begin(&store, "a");
        proxy.swallow_one_answer();
        assert_eq!(commit(&store, "a", change, held.lease), Committed::Done);
        assert_eq!(at.locks(), 0);
    }
    // A lock whose answer was lost is not waited for.
    write(&store, "b", b"data", in_an_hour());
    proxy.swallow_one_answer();
    let (asked, held) = (Instant::now(), begin(&store, "b"));
    assert!(asked.elapsed() < Duration::from_secs(3));
    assert_eq!(commit(&store, "b", Change::None, held.lease), Committed::Done);
}

#[test]
fn under_a_rain_of_kills_every_acknowledged_increment_is_counted() {
    let at = place();
    write(&at.store, "counter", b"0", in_an_hour());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let store = machine(&at.url);
            std::thread::spawn(move || count_up(&store, "counter", 60))
        })
        .collect();
    let (mut root, mut kills) = (at.server.root(), 0);
    while !threads.iter().all(|thread| thread.is_finished()) {
        let busy = "SELECT id FROM information_schema.processlist WHERE info IS NOT NULL";
        if let Some(id) = root.query_first::<u64, _>(format!("{busy} AND db='{}' LIMIT 1", at.database)).unwrap() {
            // It may have ended by itself meanwhile.
            kills += usize::from(root.query_drop(format!("KILL {id}")).is_ok());
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    let lost: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    let counted = counted(&at.store, "counter");
    assert!((240..=240 + lost).contains(&counted), "{counted} counted, {lost} lost");
    assert!(kills > 10, "{kills} kills");
}

#[test]
fn who_waits_too_long_is_told_so_and_holds_nothing() {
    let at = place();
    let waiter = machine_that_waits(&at.url, Duration::from_millis(300));
    let held = begin(&at.store, "a");
    for access in [Access::Exclusive, Access::ExclusiveIfExists] {
        let asked = Instant::now();
        let error = waiter.begin(id("a"), access, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LockTimeout);
        assert!(asked.elapsed() >= Duration::from_millis(300) && asked.elapsed() < Duration::from_secs(3));
    }
    // Others are not held up, and reading takes no lock.
    begin(&waiter, "b");
    assert_eq!(read(&waiter, "a"), None);
    assert_eq!(commit(&at.store, "a", Change::None, held.lease), Committed::Done);
    begin(&waiter, "a");
}

#[test]
fn waiting_needs_little_room_in_a_packet() {
    let server = Mariadb::start(&["--max-allowed-packet=16K"]);
    let url = url(server.port(), &server.database(), "&lock=lease");
    let (holder, waiter) = (machine(&url), machine_that_waits(&url, Duration::from_secs(1)));
    let name = "s".repeat(256);
    let held = begin(&holder, &name);
    assert_eq!(waiter.begin(id(&name), Access::Exclusive, None).unwrap_err().kind(), ErrorKind::LockTimeout);
    assert_eq!(commit(&holder, &name, Change::None, held.lease), Committed::Done);
}

#[test]
fn a_session_is_handed_over_in_five_milliseconds_and_waiting_costs_little() {
    let at = place();
    let proxy = Proxy::to(at.server.port());
    let waiter = Arc::new(at.through(&proxy, ""));
    write(&*waiter, "a", b"0", in_an_hour());
    let (mut waits, mut round_trips) = (Vec::new(), 0);
    for round in 0..21 {
        let held = begin(&at.store, "a");
        let (asking, waiting) = (Arc::clone(&waiter), std::sync::mpsc::channel());
        let thread = std::thread::spawn(move || {
            waiting.0.send(()).unwrap();
            let begun = begin(&asking, "a");
            let got = Instant::now();
            assert_eq!(commit(&asking, "a", Change::None, begun.lease), Committed::Done);
            (got, payload(begun.found))
        });
        waiting.1.recv().unwrap();
        let (count, released) = proxy.count(|| {
            // Not in step with the looks of the waiter.
            std::thread::sleep(Duration::from_millis(200 + round * 7));
            let new = record(round.to_string().as_bytes());
            assert_eq!(commit(&at.store, "a", Change::Write(&new), held.lease), Committed::Done);
            Instant::now()
        });
        let (got, payload) = thread.join().unwrap();
        assert_eq!(payload, Some(round.to_string().into_bytes()));
        waits.push(got.saturating_duration_since(released));
        round_trips = round_trips.max(count);
    }
    waits.sort();
    assert!(waits[10] < Duration::from_millis(5), "median {:?} of {waits:?}", waits[10]);
    // In 0.2 to 0.35 seconds.
    assert!(round_trips <= 10, "{round_trips} round trips");
}

#[test]
fn a_machine_that_dies_frees_its_sessions_and_one_that_works_keeps_them() {
    let at = place();
    let (dead, busy) = (machine(&at.url), machine(&at.url));
    write(&dead, "dead", b"data", in_an_hour());
    let lost = begin(&dead, "dead");
    let kept = begin(&busy, "busy");
    let begun = Instant::now();
    let url = at.url.clone();
    let taken = std::thread::spawn(move || (payload(begin(&machine(&url), "dead").found), Instant::now()));
    while begun.elapsed() < Duration::from_secs(11) {
        assert!(busy.maintain(), "a lease is held");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(taken.is_finished(), "the session of the dead machine is not free after 11 seconds");
    let (found, at_last) = taken.join().unwrap();
    assert_eq!(found.as_deref(), Some(b"data".as_slice()));
    let after = at_last - begun;
    assert!(after > Duration::from_secs(7) && after < Duration::from_secs(10), "free after {after:?}");
    let other = machine_that_waits(&at.url, Duration::ZERO);
    assert_eq!(other.begin(id("busy"), Access::Exclusive, None).unwrap_err().kind(), ErrorKind::LockTimeout);
    assert_eq!(commit(&busy, "busy", Change::Write(&record(b"x")), kept.lease), Committed::Done);
    assert!(!busy.maintain(), "nothing is held");
    // It comes back.
    dead.maintain();
    assert_eq!(commit(&dead, "dead", Change::Destroy, lost.lease), Committed::LeaseLost);
    assert_eq!(read(&busy, "dead").as_deref(), Some(b"data".as_slice()));
}

#[test]
fn what_a_dead_process_held_its_own_machine_takes_at_once() {
    let at = place();
    let (dead, next) = (machine(&at.url).on_machine(7), machine(&at.url).on_machine(7));
    write(&dead, "a", b"data", in_an_hour());
    let lost = begin(&dead, "a");
    let asked = Instant::now();
    let taken = begin(&next, "a");
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(commit(&dead, "a", Change::Destroy, lost.lease), Committed::LeaseLost);
    assert_eq!(commit(&next, "a", Change::Write(&record(b"new")), taken.lease), Committed::Done);
}

#[test]
fn a_sweep_spares_what_is_in_use_and_takes_what_dead_machines_left() {
    let at = place();
    let other = machine(&at.url);
    write(&at.store, "used", b"x", Expiry(now() + 1));
    write(&at.store, "old", b"x", Expiry(now() + 1));
    let held = begin(&at.store, "used");
    begin(&machine(&at.url), "dead");
    at.sql("UPDATE sessions_locks SET expires='2020-01-01' WHERE id='dead'");
    let swept = other.sweep(now() + 100, 10, 0, &mut |_| true).unwrap();
    assert_eq!((swept.collected, swept.kept, at.locks()), (1, 1, 1));
    assert_eq!(commit(&at.store, "used", Change::Touch(in_an_hour(), &Visitor::UNKNOWN), held.lease), Committed::Done);
    // One machine at a time.
    write(&at.store, "old", b"x", Expiry(1));
    let mut seen = None;
    let swept = at.store.sweep(now(), 10, 0, &mut |_| {
        seen = Some(other.sweep(now(), 10, 0, &mut |_| true).unwrap());
        true
    });
    assert_eq!((seen.unwrap(), swept.unwrap().collected), (Default::default(), 1));
}

#[test]
fn a_refused_session_lets_go_of_its_lock() {
    let at = place();
    write(&at.store, "a", b"good", in_an_hour());
    at.sql("ALTER TABLE sessions MODIFY payload text CHARACTER SET ascii NOT NULL");
    let store = machine(&at.url);
    let held = begin(&store, "a");
    let large = Record::new(vec![7; 60_000], in_an_hour());
    let error = store.commit(id("a"), Change::Write(&large), held.lease).unwrap_err();
    assert_eq!((error.kind(), at.locks()), (ErrorKind::Refused, 0));
    at.sql("UPDATE sessions SET payload='?'");
    let error = store.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!((error.kind(), at.locks()), (ErrorKind::Damaged, 0));
}

#[test]
fn who_may_not_make_the_table_of_locks_is_told_the_statement() {
    let at = place();
    begin(&machine(&at.url.replace("&lock=lease", "")), "a");
    let mut root = at.server.root();
    root.query_drop(format!("CREATE USER locker@'%' IDENTIFIED BY '{}'", mysql_support::PASSWORD)).unwrap();
    root.query_drop(format!("GRANT SELECT,INSERT,UPDATE,DELETE ON {}.* TO locker@'%'", at.database)).unwrap();
    let store = machine(&at.url.replace("tester", "locker"));
    let error = store.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert!(error.to_string().contains(LOCKS_DDL), "{error}");
    at.sql(LOCKS_DDL);
    write(&store, "a", b"data", in_an_hour());
}

#[test]
fn a_server_that_is_none_of_several_gives_advisory_locks_unless_it_is_told_otherwise() {
    let at = place();
    begin(&at.store, "first");
    let held = at.locks();
    for more in ["", "&lock=advisory"] {
        let store = machine(&url(at.server.port(), &at.database, more));
        let begun = begin(&store, "second");
        assert_eq!((begun.found, at.locks()), (Found::Missing, held));
        assert_eq!(commit(&store, "second", Change::None, begun.lease), Committed::Done);
    }
}

#[test]
fn a_table_of_locks_that_was_dropped_is_made_again() {
    let at = place();
    write(&at.store, "a", b"data", in_an_hour());
    at.sql("DROP TABLE sessions_locks");
    write(&at.store, "a", b"new", in_an_hour());
    wait_until("it is there", || at.locks() == 0);
}
