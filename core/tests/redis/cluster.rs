//! Redis Cluster: the contract, where keys are, and what a stable cluster costs.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustdb_core::backend::redis::Redis;
use rustdb_core::entry::{HEADER, encode_session, encode_tombstone};
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, SessionId, now};
use rustdb_core::store::{Access, Backend, Batch, Change, Committed, Found, Lease, Store};
use rustdb_core::visitor::User;

use crate::contract_support::{id, in_an_hour, lease, of_user, read, write, write_of};
use crate::load::Load;
use crate::nodes::Nodes;
use crate::phpredis::php;
use crate::server::{Server, failure, free_port, machine, until, write_as};

/// A store with keys of its own.
struct Fixture {
    store: Redis,
    nodes: Arc<Nodes>,
    prefix: String,
}

impl Fixture {
    fn url(&self) -> String {
        self.nodes.url(&format!("?prefix={}", self.prefix))
    }
}

fn in_a_cluster() -> Fixture {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nodes = Nodes::shared();
    let prefix = format!("test{}:", COUNT.fetch_add(1, Ordering::SeqCst));
    Fixture { store: machine(&nodes.url(&format!("?prefix={prefix}"))), nodes, prefix }
}

contract!(redis_in_a_cluster, in_a_cluster());

#[test]
fn keys_are_where_phpredis_has_them_in_a_cluster() {
    let nodes = Nodes::shared();
    let store = machine(&nodes.url(""));
    let held = lease(&store, "abc");
    assert!(nodes.text(&["GET", "{PHPREDIS_CLUSTER_SESSION:abc}_LOCK"]).unwrap().starts_with("rustdb:"));
    assert_eq!(write_as(&store, "abc", b"n|i:1;", held), Committed::Done);
    assert_eq!(nodes.text(&["GET", "{PHPREDIS_CLUSTER_SESSION:abc}_LOCK"]), None);
    assert_eq!(nodes.text(&["GET", "PHPREDIS_CLUSTER_SESSION:abc"]).as_deref(), Some("n|i:1;"));
    // With a tag of one's own.
    let store = machine(&nodes.url("?prefix={site}:"));
    let held = lease(&store, "abc");
    assert!(nodes.text(&["GET", "{site}:abc_LOCK"]).is_some());
    assert_eq!(write_as(&store, "abc", b"x", held), Committed::Done);
    assert_eq!(nodes.text(&["GET", "{site}:abc"]).as_deref(), Some("x"));
}

#[test]
fn phpredis_reads_and_writes_the_same_sessions() {
    let nodes = Nodes::shared();
    let store = machine(&nodes.url(""));
    let count = |name: &str| {
        let script = format!(
            "extension_loaded('redis') || exit(7); session_id('{name}'); session_start() || exit(1);\
             $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];"
        );
        let output = Command::new(php())
            .args(["-d", "session.save_handler=rediscluster", "-d", "session.serialize_handler=php"])
            .args(["-d", &format!("session.save_path=\"seed[]=127.0.0.1:{}\"", nodes.servers[1].port())])
            .args(["-d", "session.use_cookies=0", "-d", "session.cache_limiter=", "-d", "session.use_strict_mode=0"])
            .args(["-r", &script])
            .output()
            .unwrap_or_else(|error| panic!("cannot run php: {error}; install the packages php-cli and php-redis"));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{told}; if it ended with 7, install the package php-redis: {output:?}");
        told
    };
    // In several slots.
    for name in ["switch-1", "switch-2", "switch-3", "switch-4"] {
        assert_eq!(count(name), "1");
        assert_eq!(read(&store, name).as_deref(), Some(b"n|i:1;".as_slice()));
        write(&store, name, b"n|i:7;", in_an_hour());
        assert_eq!(count(name), "8");
        let held = lease(&store, name);
        assert!(held.existed);
        assert_eq!(store.commit(id(name), Change::Destroy, held).unwrap(), Committed::Done);
        assert_eq!(count(name), "1");
    }
}

#[test]
fn a_stable_cluster_costs_two_round_trips_a_request_and_is_not_asked_for_its_map() {
    let nodes = Nodes::start(&[]);
    let store = machine(&nodes.url(""));
    let names: Vec<String> = (0..30).map(|number| format!("s{number}")).collect();
    names.iter().for_each(|name| write(&store, name, b"1", in_an_hour()));
    let calls = || ["evalsha", "eval", "cluster|slots", "asking"].map(|command| nodes.calls(command));
    let [by_hash, with_text, maps, asking] = calls();
    assert_eq!((with_text, maps, asking), (6, 1, 0), "two scripts were new to three nodes, and the map was read once");
    for name in &names {
        let begun = store.begin(id(name), Access::ExclusiveIfExists, None).unwrap();
        assert_eq!(write_as(&store, name, b"2", begun.lease), Committed::Done);
        let held = lease(&store, name);
        assert_eq!(store.commit(id(name), Change::None, held).unwrap(), Committed::Done);
    }
    assert_eq!(calls(), [by_hash + 4 * 30, with_text, 1, 0]);
}

#[test]
fn a_waiting_machine_is_woken_in_a_cluster() {
    let at = in_a_cluster();
    let two = machine(&at.url());
    let mut took: Vec<Duration> = (0..21)
        .map(|number| {
            let name = format!("waited-for-{number}");
            let held = lease(&at.store, &name);
            let list = format!("{{{}{name}}}_WAIT", at.prefix);
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| {
                    let held = lease(&two, &name);
                    (held, Instant::now())
                });
                until("the other one waits", || at.nodes.text(&["GET", &list]).is_some());
                // It goes to sleep right after it has left that mark.
                std::thread::sleep(Duration::from_millis(20));
                let released = Instant::now();
                assert_eq!(write_as(&at.store, &name, b"1", held), Committed::Done);
                let (other, woken) = waiting.join().unwrap();
                assert_eq!(write_as(&two, &name, b"2", other), Committed::Done);
                woken.duration_since(released)
            })
        })
        .collect();
    took.sort();
    let median = took[took.len() / 2];
    println!("from release to acquisition: median {median:?}, at worst {:?}", took[took.len() - 1]);
    // Without being woken it would look again after 250 ms.
    assert!(median < Duration::from_millis(100), "{took:?}");
}

#[test]
fn machines_take_turns_in_a_cluster_and_lose_no_count() {
    let at = in_a_cluster();
    let machines: Vec<Redis> = (0..4).map(|_| machine(&at.url())).collect();
    let load = Load::on(3);
    std::thread::scope(|scope| {
        let _end = load.ends_here();
        for (first, store) in machines.iter().enumerate() {
            let load = &load;
            scope.spawn(move || load.work(store, first));
        }
        until("it has counted for a while", || load.total() > 600);
    });
    load.check_exactly(&machines[0]);
}

#[test]
fn leases_on_all_nodes_are_prolonged() {
    let at = in_a_cluster();
    let names: Vec<String> = (0..50).map(|number| format!("s{number}")).collect();
    let leases: Vec<(SessionId<'_>, Lease)> = names.iter().map(|name| (id(name), lease(&at.store, name))).collect();
    for _ in 0..7 {
        std::thread::sleep(Duration::from_secs(1));
        assert!(at.store.maintain());
    }
    for (name, (id, held)) in names.iter().zip(leases) {
        let lock = format!("{{{}{name}}}_LOCK", at.prefix);
        assert!(at.nodes.text(&["GET", &lock]).is_some(), "{name}");
        assert_eq!(at.store.commit(id, Change::None, held).unwrap(), Committed::Done);
    }
    assert!(at.store.notices().take().is_empty());
    assert!(!at.store.maintain());
}

#[test]
fn a_batch_reaches_all_nodes() {
    let at = in_a_cluster();
    write(&at.store, "goes", b"old", in_an_hour());
    let record = Record::new(b"payload".as_slice(), in_an_hour());
    let names: Vec<String> = (0..500).map(|number| format!("s{number}")).collect();
    let mut entries: Vec<(&str, Vec<u8>)> = Vec::new();
    for name in &names {
        let mut entry = vec![0; HEADER + record.payload.len()];
        encode_session(id(name), &record, &mut entry);
        entries.push((name, entry));
    }
    entries.push(("goes", encode_tombstone(id("goes")).to_vec()));
    // Twice, as after a failure in the middle.
    for _ in 0..2 {
        at.store.apply(&mut entries.iter().map(|(name, entry)| (id(name), entry.as_slice()))).unwrap();
    }
    assert_eq!(read(&at.store, "goes"), None);
    for name in &names {
        assert_eq!(read(&at.store, name).as_deref(), Some(b"payload".as_slice()));
    }
}

#[test]
fn a_store_of_one_machine_has_its_record_in_the_cluster() {
    let at = in_a_cluster();
    assert_eq!(at.store.owner(None).unwrap(), None);
    assert_eq!(at.store.owner(Some("me")).unwrap().as_deref(), Some("me"));
    assert_eq!(machine(&at.url()).owner(Some("you")).unwrap().as_deref(), Some("me"));
    assert_eq!(at.nodes.text(&["GET", &format!("{}_OWNER", at.prefix)]).as_deref(), Some("me"));
}

#[test]
fn urls_that_mean_no_cluster_are_told_as_that() {
    for (url, part) in [("redis+cluster://h1/3", "database 0"), ("redis+cluster://h1?prefix=%7Ba", "hash tag")] {
        let server = rustdb_core::server::Server::parse(url).unwrap().unwrap();
        let error = Redis::open(&server, true, Duration::ZERO).err().expect(url);
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains(part), "{url}: {error}");
    }
    let server = Server::start(&[]);
    let (error, _) = failure(&machine(&format!("redis+cluster://127.0.0.1:{}", server.port())));
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("cluster support disabled"), "{error}");
    let nodes = Nodes::shared();
    let one = machine(&nodes.servers[0].url());
    let names: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    let refused = names.iter().find_map(|name| one.begin(id(name), Access::Exclusive, None).err()).unwrap();
    assert!(refused.to_string().contains("redis+cluster://"), "{refused}");
    let (error, took) =
        failure(&machine(&format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", free_port(), free_port())));
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_user_of_a_cluster_needs_no_more_than_the_message_says() {
    let nodes = Nodes::start(&[]);
    let tell_all = |command: &[&str]| {
        nodes.servers.iter().for_each(|node| drop(node.tell(command)));
    };
    tell_all(&["ACL", "SETUSER", "web", "on", ">pw", "+cluster|slots"]);
    let store = machine(&nodes.url("").replace("://", "://web:pw@"));
    let (error, _) = failure(&store);
    assert_eq!(error.kind(), ErrorKind::Refused);
    let message = error.to_string();
    tell_all(&["ACL", "SETUSER", "web", "-cluster"]);
    let statement = &message[message.find("ACL SETUSER").expect(&message)..];
    tell_all(&statement.split(' ').collect::<Vec<_>>());
    let store = machine(&nodes.url("").replace("://", "://web:pw@"));
    for number in 0..20 {
        let (name, user) = (format!("s{number}"), number.to_string());
        write_of(&store, &name, &User::by(user.as_str()), in_an_hour());
        write(&store, &format!("n{number}"), b"1", in_an_hour());
        assert_eq!(of_user(&store, &user).len(), usize::from(number > 0));
    }
    assert!(store.notices().take().is_empty());
    let wrong = machine(&nodes.url("").replace("://", "://web:wr0ng@"));
    let (error, took) = failure(&wrong);
    assert!(error.to_string().contains("does not accept") && !error.to_string().contains("wr0ng"), "{error}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}
