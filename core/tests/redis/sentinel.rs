//! Redis Sentinels that know a master and its replica.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::Value;
use rustdb_core::backend::redis::Redis;
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Change, Committed, Found, Lease, Store};
use tempfile::TempDir;

use crate::contract_support::{id, in_an_hour, lease, read, write};
use crate::load::Load;
use crate::server::{Server, ask, failure, free_port, machine, open, until, write_as};

/// A Sentinel.
pub struct Sentinel {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sentinel {
    /// One that watches the master at `port` by the name of `main`; `quorum` of them have to find it dead.
    pub fn start(port: u16, quorum: u32, settings: &str) -> Sentinel {
        // Somebody else may take the port before it does.
        for _ in 0..5 {
            let directory = tempfile::Builder::new().prefix("rustdb-sentinel-").tempdir().unwrap();
            let (file, own) = (directory.path().join("sentinel.conf"), free_port());
            let text = format!(
                "port {own}\nbind 127.0.0.1\ndir {}\nlogfile {}\nsentinel monitor main 127.0.0.1 {port} {quorum}\n\
                 sentinel down-after-milliseconds main 700\nsentinel failover-timeout main 4000\n{settings}\n",
                directory.path().display(),
                directory.path().join("log").display(),
            );
            std::fs::write(&file, text).unwrap();
            let process = Command::new("redis-sentinel")
                .arg(&file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("cannot run redis-sentinel: {error}; install the package redis-sentinel")
                });
            let mut sentinel = Sentinel { process, port: own, _directory: directory };
            let deadline = Instant::now() + Duration::from_secs(20);
            while Instant::now() < deadline && sentinel.process.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", own)).is_ok() {
                    return sentinel;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        panic!("the redis-sentinel did not start");
    }

    /// What it says to a question about `main`.
    fn knows(&self, question: &str) -> Value {
        ask(self.port, &["SENTINEL", question, "main"]).unwrap_or(Value::Nil)
    }
}

/// A master, its replicas and their Sentinels.
struct Fixture {
    store: Redis,
    servers: Vec<Server>,
    sentinels: Vec<Sentinel>,
}

impl Fixture {
    fn start(replicas: usize, sentinels: u32, options: &[&str]) -> Fixture {
        let master = Server::start(options);
        let port = master.port().to_string();
        let mut servers = vec![master];
        for _ in 0..replicas {
            let mut options = options.to_vec();
            options.extend(["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]);
            servers.push(Server::start(&options));
        }
        let sentinels: Vec<Sentinel> =
            (0..sentinels).map(|_| Sentinel::start(servers[0].port(), sentinels / 2 + 1, "")).collect();
        for sentinel in &sentinels {
            until("the Sentinels know each other and the replicas", || {
                let count = |question| sentinel.knows(question).into_sequence().map_or(0, |known| known.len());
                count("replicas") == replicas && count("sentinels") == sentinels.len() - 1
            });
        }
        for replica in &servers[1..] {
            until("the replica is in step", || replica.replicates("master_link_status:up"));
        }
        let store = machine(&url(&sentinels, ""));
        Fixture { store, servers, sentinels }
    }

    fn url(&self, options: &str) -> String {
        url(&self.sentinels, options)
    }

    /// How far the master has come, and how far its replica has.
    fn offsets(&self) -> (u64, u64) {
        let offset = |server: &Server, name: &str| {
            let info = server.text(&["INFO", "replication"]).unwrap();
            info.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
        };
        (offset(&self.servers[0], "master_repl_offset:"), offset(&self.servers[1], "slave_repl_offset:"))
    }
}

fn url(sentinels: &[Sentinel], options: &str) -> String {
    let hosts: Vec<String> = sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
    format!("redis+sentinel://{}/main{options}", hosts.join(","))
}

fn by_sentinel() -> Fixture {
    Fixture::start(1, 1, &[])
}

contract!(redis_by_sentinel, by_sentinel());

#[test]
fn a_stable_master_costs_no_round_trip_more_than_a_server() {
    let at = Fixture::start(0, 1, &[]);
    write(&at.store, "a", b"1", in_an_hour());
    let calls = || ["evalsha", "eval", "role"].map(|command| at.servers[0].calls(command));
    let [by_hash, with_text, asked] = calls();
    assert_eq!((with_text, asked), (2, 1), "two scripts were new to it, and it was asked once what it is");
    for _ in 0..10 {
        write(&at.store, "a", b"2", in_an_hour());
    }
    assert_eq!(calls(), [by_hash + 20, with_text, asked]);
}

#[test]
fn sentinels_that_are_down_or_hang_or_know_nothing_are_passed_over() {
    let at = Fixture::start(0, 1, &[]);
    let ignorant = Sentinel::start(at.servers[0].port(), 1, "");
    ask(ignorant.port, &["SENTINEL", "REMOVE", "main"]).unwrap();
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hosts = format!(
        "127.0.0.1:{},127.0.0.1:{},127.0.0.1:{},127.0.0.1:{}",
        free_port(),
        silent.local_addr().unwrap().port(),
        ignorant.port,
        at.sentinels[0].port
    );
    let store = machine(&format!("redis+sentinel://{hosts}/main"));
    let begun = Instant::now();
    write(&store, "a", b"1", in_an_hour());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(at.servers[0].keys(), ["PHPREDIS_SESSION:a"]);
    // Nobody is left who knows it.
    let nobody = machine(&format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main", free_port(), ignorant.port));
    let (error, _) = failure(&nobody);
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("sentinel monitor"), "{error}");
    let (error, took) = failure(&machine(&format!("redis+sentinel://127.0.0.1:{}/main", free_port())));
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("cannot ask the Sentinel"), "{error}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    // A server is none.
    let (error, _) = failure(&machine(&format!("redis+sentinel://127.0.0.1:{}/main", at.servers[0].port())));
    assert!(error.to_string().contains("is no Sentinel"), "{error}");
}

#[test]
fn servers_and_sentinels_have_passwords_of_their_own() {
    let server = Server::start(&["--requirepass", "op3n"]);
    let sentinel = Sentinel::start(server.port(), 1, "sentinel auth-pass main op3n\nrequirepass w4tch");
    let url = |options: &str| format!("redis+sentinel://:op3n@127.0.0.1:{}/main/2{options}", sentinel.port);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "w4tch\n").unwrap();
    let store = machine(&url(&format!("?sentinel_password_file={}", file.path().display())));
    write(&store, "a", b"1", in_an_hour());
    for wrong in [url(""), url("?sentinel_password=wr0ng")] {
        let (error, _) = failure(&machine(&wrong));
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("sentinel_password_file="), "{error}");
        assert!(!error.to_string().contains("wr0ng") && !error.to_string().contains("op3n"), "{error}");
    }
}

#[test]
fn what_sentinels_name_is_not_used_if_it_is_a_replica() {
    let at = Fixture::start(1, 1, &[]);
    // A Sentinel that has not heard yet that its master has become a replica.
    let late = Sentinel::start(at.servers[1].port(), 1, "");
    let store = machine(&url(std::slice::from_ref(&late), ""));
    let (error, took) = failure(&store);
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("is a replica"), "{error}");
    assert!((1500..15000).contains(&took.as_millis()), "it was asked again for a while: {took:?}");
}

#[test]
fn a_planned_failover_is_followed() {
    let at = Fixture::start(1, 3, &[]);
    write(&at.store, "a", b"1", in_an_hour());
    let held = lease(&at.store, "a");
    until("the replica has it", || at.servers[1].keys().len() == 2);
    ask(at.sentinels[0].port, &["SENTINEL", "FAILOVER", "main"]).unwrap();
    until("the other one is the master", || at.servers[1].replicates("role:master"));
    until("the first one is a replica", || at.servers[0].replicates("role:slave"));
    assert_eq!(write_as(&at.store, "a", b"2", held), Committed::Done);
    assert_eq!(at.servers[1].text(&["GET", "PHPREDIS_SESSION:a"]).as_deref(), Some("2"));
}

#[test]
fn a_connection_to_a_master_that_became_a_replica_is_left() {
    let at = Fixture::start(1, 1, &[]);
    write(&at.store, "a", b"1", in_an_hour());
    let late = machine(&at.url(""));
    write(&late, "b", b"1", in_an_hour());
    // The roles change hands without a Sentinel, so nobody ends the connections.
    until("the replica has both", || at.servers[1].keys().len() == 2);
    at.servers[1].tell(&["REPLICAOF", "NO", "ONE"]);
    at.servers[0].tell(&["REPLICAOF", "127.0.0.1", &at.servers[1].port().to_string()]);
    let other = Sentinel::start(at.servers[1].port(), 1, "");
    ask(at.sentinels[0].port, &["SENTINEL", "REMOVE", "main"]).unwrap();
    let port = at.servers[1].port().to_string();
    ask(at.sentinels[0].port, &["SENTINEL", "MONITOR", "main", "127.0.0.1", &port, "1"]).unwrap();
    write(&at.store, "a", b"2", in_an_hour());
    write(&late, "b", b"2", in_an_hour());
    assert_eq!(at.servers[1].text(&["GET", "PHPREDIS_SESSION:a"]).as_deref(), Some("2"));
    drop(other);
}

#[test]
fn a_master_killed_under_load_loses_nothing_that_its_replica_had() {
    harm(Server::kill);
}

#[test]
fn a_master_that_hangs_under_load_is_replaced() {
    harm(|server| server.stand_still(true));
}

/// Increments by four machines, in the middle of which the master comes to harm.
fn harm(harm: impl FnOnce(&mut Server)) {
    let mut at = Fixture::start(1, 3, &[]);
    let url = at.url("?connect_timeout=1&timeout=2");
    let machines: Vec<Redis> = (0..4).map(|_| open(&url, true, Duration::from_secs(8))).collect();
    let load = Load::on(40);
    let (mut since, mut until_then, mut away) = (Vec::new(), Vec::new(), Duration::ZERO);
    std::thread::scope(|scope| {
        let _end = load.ends_here();
        for (first, store) in machines.iter().enumerate() {
            let load = &load;
            scope.spawn(move || load.work(store, first * 10));
        }
        until("it is under way", || load.total() > 500);
        since = load.acknowledged();
        let (written, _) = at.offsets();
        until("the replica has that", || at.offsets().1 >= written);
        harm(&mut at.servers[0]);
        let killed = Instant::now();
        until_then = load.acknowledged();
        let total = load.total();
        // What was under way when the master died may be told a moment later.
        until("it goes on", || load.total() > total + 10);
        away = killed.elapsed();
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
    load.check(&machines[0], &since, &until_then);
    // A call may wait for a lock for 8 s, and then for one connection and one answer.
    assert!(load.longest() < Duration::from_secs(13), "{:?}", load.longest());
}
