//! A Redis Cluster of a test's own: three masters, each with a replica.

use std::process::Command;
use std::sync::{Arc, Mutex, Weak};

use redis::Value;

use crate::server::{Server, ask, free_port, until};

/// A running cluster.
pub struct Nodes {
    /// The masters, as long as there was no failover, and then their replicas.
    pub servers: Vec<Server>,
}

/// What everybody uses who does not harm it.
static SHARED: Mutex<Weak<Nodes>> = Mutex::new(Weak::new());

impl Nodes {
    /// Starts one; `options` as redis-server takes them.
    pub fn start(options: &[&str]) -> Nodes {
        let node = || {
            // By default that is the port and 10000, which there need not be.
            let bus = free_port().to_string();
            let mut all = vec!["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", &bus];
            all.extend(["--repl-diskless-sync-delay", "0"]);
            all.extend(options);
            let tls = free_port().to_string();
            if options.contains(&"--tls-cert-file") {
                all.extend(["--tls-port", &tls]);
            }
            Server::start(&all)
        };
        let nodes = Nodes { servers: (0..6).map(|_| node()).collect() };
        let addresses: Vec<String> = nodes.servers.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        let mut create = vec!["create"];
        create.extend(addresses.iter().map(String::as_str));
        nodes.manage(&create, &["--cluster-replicas", "1"]);
        until("all nodes agree, and the replicas are in step", || {
            nodes.servers.iter().all(|node| {
                let state = node.text(&["CLUSTER", "INFO"]).unwrap();
                state.contains("cluster_state:ok")
                    && state.contains("cluster_known_nodes:6")
                    && (node.replicates("master_link_status:up") || node.replicates("connected_slaves:1"))
            })
        });
        nodes
    }

    /// One that several tests use at once, each with keys of its own.
    pub fn shared() -> Arc<Nodes> {
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let nodes = Arc::new(Nodes::start(&[]));
            *shared = Arc::downgrade(&nodes);
            nodes
        })
    }

    /// Moves slots from one master to another, as operators do.
    pub fn reshard(&self, from: usize, to: usize, slots: u32) {
        let seed = format!("127.0.0.1:{}", self.servers[0].port());
        until("the nodes agree", || {
            let told = Command::new("redis-cli").args(["--cluster", "check", &seed]).output().unwrap().stdout;
            String::from_utf8_lossy(&told).contains("[OK] All nodes agree")
        });
        self.manage(
            &["reshard", &seed],
            &["--cluster-from", &self.id(from), "--cluster-to", &self.id(to), "--cluster-slots", &slots.to_string()],
        );
    }

    /// Runs `redis-cli --cluster`.
    fn manage(&self, command: &[&str], options: &[&str]) {
        let output = Command::new("redis-cli")
            .arg("--cluster")
            .args(command)
            .args(options)
            .arg("--cluster-yes")
            .output()
            .unwrap_or_else(|error| panic!("cannot run redis-cli: {error}; install the package redis-tools"));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command:?}: {told}");
    }

    /// The URL, which names two of them.
    pub fn url(&self, options: &str) -> String {
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}{options}", self.servers[0].port(), self.servers[4].port())
    }

    /// Sends a command to the first node that does not send it elsewhere.
    pub fn tell(&self, command: &[&str]) -> Value {
        self.servers.iter().find_map(|node| ask(node.port(), command).ok()).unwrap_or_else(|| panic!("{command:?}"))
    }

    /// Sends a command that answers with text, or nothing.
    pub fn text(&self, command: &[&str]) -> Option<String> {
        redis::from_redis_value(self.tell(command)).unwrap()
    }

    /// Where among the servers the master of a key is, as the last of them says.
    pub fn master_of(&self, key: &str) -> usize {
        let asked = self.servers.iter().rev().find(|node| ask(node.port(), &["PING"]).is_ok()).unwrap();
        let slot = asked.number(&["CLUSTER", "KEYSLOT", key]);
        for range in asked.tell(&["CLUSTER", "SLOTS"]).into_sequence().unwrap() {
            let range = range.into_sequence().unwrap();
            let (Value::Int(first), Value::Int(last), Value::Array(node)) = (&range[0], &range[1], &range[2]) else {
                panic!("{range:?}")
            };
            if (*first..=*last).contains(&slot) {
                let Value::Int(port) = node[1] else { panic!("{node:?}") };
                return self.servers.iter().position(|server| i64::from(server.port()) == port).unwrap();
            }
        }
        panic!("nobody has the slot of {key}")
    }

    /// The replica of a master, as the cluster was made.
    pub fn replica_of(&self, master: usize) -> &Server {
        let port = format!("master_port:{}\r", self.servers[master].port());
        self.servers.iter().find(|node| node.replicates(&port)).unwrap()
    }

    /// The name of a node.
    pub fn id(&self, node: usize) -> String {
        self.servers[node].text(&["CLUSTER", "MYID"]).unwrap()
    }

    /// How often a command was called on all of them.
    pub fn calls(&self, command: &str) -> u64 {
        self.servers.iter().map(|node| node.calls(command)).sum()
    }

    /// How often any of them answered with an error.
    pub fn refusals(&self, code: &str) -> u64 {
        let refused = |node: &Server| -> Option<u64> {
            let info = node.text(&["INFO", "errorstats"]).unwrap();
            let line = info.lines().find_map(|line| line.strip_prefix(&format!("errorstat_{code}:count=")))?;
            Some(line.parse().unwrap())
        };
        self.servers.iter().filter_map(refused).sum()
    }

    /// Begins to move the slot of a key to another master; returns the slot, and who has it and who gets it.
    pub fn open_slot(&self, key: &str) -> (String, usize, usize) {
        let from = self.master_of(key);
        let to = (0..3).find(|node| *node != from).unwrap();
        let slot = self.servers[0].number(&["CLUSTER", "KEYSLOT", key]).to_string();
        self.servers[to].tell(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.id(from)]);
        self.servers[from].tell(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.id(to)]);
        (slot, from, to)
    }

    /// Moves the keys of an open slot, as many as are there.
    pub fn move_keys(&self, (slot, from, to): &(String, usize, usize)) {
        let keys: Vec<String> =
            redis::from_redis_value(self.servers[*from].tell(&["CLUSTER", "GETKEYSINSLOT", slot, "100"])).unwrap();
        let port = self.servers[*to].port().to_string();
        for key in keys {
            self.servers[*from].tell(&["MIGRATE", "127.0.0.1", &port, &key, "0", "5000"]);
        }
    }

    /// Ends the move of a slot.
    pub fn close_slot(&self, (slot, from, to): &(String, usize, usize)) {
        let owner = self.id(*to);
        for node in [*to, *from] {
            self.servers[node].tell(&["CLUSTER", "SETSLOT", slot, "NODE", &owner]);
        }
    }
}
