//! The store on a Galera cluster: two machines, each with another node first in its URL.

#[macro_use]
mod contract_support;
mod mysql_support;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use contract_support::{id, in_an_hour, lease, read, write};
use mysql_support::galera::Galera;
use mysql_support::{begin, commit, count_up, counted, machine, machine_that_waits, payload, url, wait_until};
use rustdb_core::backend::mysql::Mysql;
use rustdb_core::error::{ErrorKind, Result};
use rustdb_core::record::{Expiry, Record, SessionId, Version, now};
use rustdb_core::store::{Access, Backend, Begun, ByUser, Change, Committed, Found, Lease, Listed, Store, Whose};

/// An empty database on the cluster that tests share.
struct Place {
    store: Mysql,
    cluster: Arc<Galera>,
    database: String,
}

fn place() -> Place {
    static SHARED: Mutex<Weak<Galera>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let cluster = shared.upgrade().unwrap_or_else(|| Arc::new(Galera::start(&[])));
    *shared = Arc::downgrade(&cluster);
    drop(shared);
    let database = cluster.nodes[0].database();
    Place { store: machine(&cluster.url(0, &database, "")), cluster, database }
}

impl Place {
    /// A machine with the node of this number first.
    fn machine(&self, first: usize) -> Mysql {
        machine(&self.cluster.url(first, &self.database, ""))
    }
}

/// A store that writes through one node and reads through the other.
struct Crossed {
    writing: Mysql,
    reading: Mysql,
}

impl Store for Crossed {
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun> {
        match access {
            Access::ReadOnly => self.reading.begin(id, access, known),
            _ => self.writing.begin(id, access, known),
        }
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        self.writing.commit(id, change, lease)
    }
}

impl ByUser for Crossed {
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        self.reading.of_user(whose)
    }
}

struct CrossedPlace {
    store: Crossed,
    _place: Place,
}

fn crossed() -> CrossedPlace {
    let at = place();
    CrossedPlace { store: Crossed { writing: at.machine(0), reading: at.machine(1) }, _place: at }
}

contract!(contract_across_the_nodes_of_a_cluster, crossed());

fn record(payload: &[u8]) -> Record<'static> {
    Record::new(payload.to_vec(), in_an_hour())
}

#[test]
fn one_host_that_is_a_node_has_locks_as_rows_by_itself() {
    let at = place();
    let alone = |node: usize| machine_that_waits(&url(at.cluster.nodes[node].port(), &at.database, ""), Duration::ZERO);
    let (here, there) = (alone(0), alone(1));
    let held = begin(&here, "a");
    assert_eq!(there.begin(id("a"), Access::Exclusive, None).unwrap_err().kind(), ErrorKind::LockTimeout);
    assert_eq!(commit(&here, "a", Change::Write(&record(b"data")), held.lease), Committed::Done);
    assert_eq!(payload(begin(&there, "a").found).as_deref(), Some(b"data".as_slice()));
}

#[test]
fn increments_through_both_nodes_are_all_counted() {
    let at = place();
    write(&at.store, "counter", b"0", in_an_hour());
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let store = at.machine(number % 2);
            std::thread::spawn(move || count_up(&store, "counter", 50))
        })
        .collect();
    let lost: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!((counted(&at.store, "counter"), lost), (200, 0));
    assert_eq!(counted(&at.machine(1), "counter"), 200);
}

#[test]
fn two_that_want_a_session_at_once_on_two_nodes_get_it_one_after_the_other() {
    let at = place();
    let stores = [Arc::new(at.machine(0)), Arc::new(at.machine(1))];
    let inside = Arc::new(AtomicBool::new(false));
    for round in 0..30 {
        let name = format!("s{round}");
        let start = Arc::new(std::sync::Barrier::new(2));
        let threads = [0, 1].map(|number| {
            let (store, inside) = (Arc::clone(&stores[number]), Arc::clone(&inside));
            let (name, start) = (name.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                let begun = begin(&store, &name);
                assert!(!inside.swap(true, SeqCst), "both have it");
                std::thread::sleep(Duration::from_millis(2));
                inside.store(false, SeqCst);
                let text = [payload(begun.found).unwrap_or_default(), vec![b'0' + number as u8]].concat();
                assert_eq!(commit(&store, &name, Change::Write(&record(&text)), begun.lease), Committed::Done);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(read(&*stores[0], &name).unwrap().len(), 2);
    }
}

#[test]
fn what_one_node_has_acknowledged_the_other_one_reads_at_once() {
    let at = place();
    let (here, there) = (at.machine(0), at.machine(1));
    for round in 0..100 {
        let name = format!("s{round}");
        let fresh = here.begin(id(&name), Access::Fresh, None).unwrap();
        assert_eq!(commit(&here, &name, Change::Write(&record(b"data")), fresh.lease), Committed::Done);
        let access = [Access::ReadOnly, Access::ExclusiveIfExists, Access::Exclusive][round % 3];
        let begun = there.begin(id(&name), access, None).unwrap();
        assert_eq!(payload(begun.found).as_deref(), Some(b"data".as_slice()), "round {round}");
    }
}

/// What it has been counted up to. Those who are left may need a moment to agree that they are the majority, in which none
/// of them answers.
fn counted_again(store: &Mysql, name: &str) -> u64 {
    let mut found = None;
    wait_until("it can be read", || {
        found = store.begin(id(name), Access::ReadOnly, None).ok();
        found.is_some()
    });
    String::from_utf8(payload(found.unwrap().found).unwrap()).unwrap().parse().unwrap()
}

#[test]
fn a_node_that_is_cut_off_or_killed_under_load_costs_no_write_and_the_other_goes_on() {
    let mut cluster = Galera::start(&[]);
    let database = cluster.nodes[0].database();
    write(&machine(&cluster.url(0, &database, "")), "counter", b"0", in_an_hour());
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (store, stop) = (machine(&cluster.url(number % 2, &database, "&timeout=10")), Arc::clone(&stop));
            std::thread::spawn(move || {
                let own = format!("own{number}");
                write(&store, &own, b"0", in_an_hour());
                let (mut done, mut lost, mut slowest) = (0, 0, Duration::ZERO);
                let (mut mine, mut mine_lost) = (0, 0);
                while !stop.load(SeqCst) {
                    let begun = Instant::now();
                    lost += count_up(&store, "counter", 1);
                    done += 1;
                    // One of its own, that nobody else counts.
                    assert!((mine..=mine + mine_lost).contains(&counted_again(&store, &own)));
                    mine_lost += count_up(&store, &own, 1);
                    mine += 1;
                    store.maintain();
                    slowest = slowest.max(begun.elapsed());
                }
                (done, lost, mine..=mine + mine_lost, slowest)
            })
        })
        .collect();
    let reader = machine(&cluster.url(0, &database, "&timeout=10"));
    let goes_on = || {
        let before = counted_again(&reader, "counter");
        wait_until("sessions are counted up", || counted_again(&reader, "counter") >= before + 40);
    };
    goes_on();
    // It still takes connections, and answers that it has lost its cluster.
    cluster.cut_off(1, true);
    goes_on();
    wait_until("it has seen that it is without a majority", || !cluster.is_ready(1));
    cluster.cut_off(1, false);
    wait_until("it is back", || cluster.is_ready(1));
    goes_on();
    cluster.nodes[0].stop();
    goes_on();
    stop.store(true, SeqCst);
    let ended: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (done, lost) = ended.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let counted_up = counted_again(&reader, "counter");
    eprintln!("{done} acknowledged, {lost} lost, {counted_up} counted, {ended:?}");
    assert!((done..=done + lost).contains(&counted_up), "{counted_up} counted, {done} acknowledged, {lost} lost");
    for (number, one) in ended.iter().enumerate() {
        assert!(one.2.contains(&counted_again(&reader, &format!("own{number}"))));
        // Two requests with `timeout=10`, tried again while a cluster finds out that it has lost a member.
        assert!(one.3 < Duration::from_secs(20), "two requests took {:?}", one.3);
    }
}
