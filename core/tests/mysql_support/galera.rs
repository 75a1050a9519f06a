//! A private Galera cluster: two MariaDB servers, and an arbitrator, so that one server may be killed and the other
//! keeps the majority.

use std::process::{Child, Command, Stdio};

use mysql::prelude::Queryable;
use tempfile::TempDir;

use super::product::Product;
use super::{Mariadb, PASSWORD, free_port, wait_until};

/// The cluster, which ends with this value.
pub struct Galera {
    /// Its servers.
    pub nodes: [Mariadb; 2],
    _arbitrator: Arbitrator,
}

struct Arbitrator {
    child: Child,
    _directory: TempDir,
}

const PROVIDER: &str = "/usr/lib/galera/libgalera_smm.so";
const ARBITRATOR: &str = "/usr/bin/garbd";
/// A member that says nothing for two seconds is out, so that a test need not wait for the usual five; a busy machine may
/// leave one without the processor for one.
const FAST: &str = "evs.keepalive_period=PT0.2S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;\
                    evs.inactive_check_period=PT0.2S;evs.install_timeout=PT4S";
/// What a new cluster and those who join it have in common, so that nothing has to be copied.
const STATE: &str = "5f3d0d3c-8f0a-11ee-9c1e-0242ac120002";

impl Galera {
    /// A cluster with these options of the servers besides the usual ones.
    pub fn start(options: &[&str]) -> Galera {
        for (file, package) in [(PROVIDER, "galera-4"), (ARBITRATOR, "galera-arbitrator-4")] {
            assert!(std::path::Path::new(file).exists(), "{file} is missing; install the package {package}");
        }
        let ports = [free_port(), free_port(), free_port()];
        let name = format!("rustdb-{}", ports[0]);
        let group = format!("gcomm://127.0.0.1:{},127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1], ports[2]);
        let files = [Product::Mariadb.prepare(), tempfile::Builder::new().prefix("rustdb-mysql-").tempdir().unwrap()];
        for (number, directory) in files.iter().enumerate() {
            if number > 0 {
                let mut copy = Command::new("cp");
                copy.arg("-r").arg(files[0].path().join("data")).arg(directory.path());
                assert!(copy.status().unwrap().success());
                std::fs::create_dir(directory.path().join("tmp")).unwrap();
            }
            let state = format!("version: 2.1\nuuid: {STATE}\nseqno: {number}\nsafe_to_bootstrap: {}\n", 1 - number);
            std::fs::write(directory.path().join("data/grastate.dat"), state).unwrap();
        }
        let mut number = 0;
        let nodes = files.map(|directory| {
            let provider = format!(
                "gmcast.listen_addr=tcp://127.0.0.1:{};ist.recv_addr=127.0.0.1:{};base_host=127.0.0.1;gcache.size=16M;{FAST}",
                ports[number],
                free_port()
            );
            let mut all = vec![
                "--wsrep-on=ON".to_owned(),
                format!("--wsrep-provider={PROVIDER}"),
                format!("--wsrep-cluster-name={name}"),
                format!("--wsrep-cluster-address={group}"),
                format!("--wsrep-node-address=127.0.0.1:{}", ports[number]),
                format!("--wsrep-provider-options={provider}"),
                "--binlog-format=ROW".to_owned(),
                "--innodb-autoinc-lock-mode=2".to_owned(),
            ];
            if number == 0 {
                all.push("--wsrep-new-cluster".to_owned());
            }
            all.extend(options.iter().map(|option| (*option).to_owned()));
            number += 1;
            Mariadb::start_at(&Product::Mariadb, directory, all)
        });
        let directory = tempfile::Builder::new().prefix("rustdb-garbd-").tempdir().unwrap();
        let child = Command::new(ARBITRATOR)
            .current_dir(directory.path())
            .args(["--address", &group, "--group", &name])
            .arg("--options")
            .arg(format!("gmcast.listen_addr=tcp://127.0.0.1:{};base_host=127.0.0.1;{FAST}", ports[2]))
            .arg("--log")
            .arg(directory.path().join("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let cluster = Galera { nodes, _arbitrator: Arbitrator { child, _directory: directory } };
        wait_until("all three are members", || [0, 1].iter().all(|node| cluster.is_ready(*node)));
        cluster.nodes[0].let_testers_in();
        let sees = |node: &Mariadb| {
            let options = mysql::OptsBuilder::new().ip_or_hostname(Some("127.0.0.1")).tcp_port(node.port());
            mysql::Conn::new(options.prefer_socket(false).user(Some("tester")).pass(Some(PASSWORD))).is_ok()
        };
        wait_until("both let testers in", || cluster.nodes.iter().all(sees));
        cluster
    }

    /// Whether a node is one of three that make a majority.
    pub fn is_ready(&self, node: usize) -> bool {
        let mut root = self.nodes[node].root();
        let mut status = |name: &str| -> Option<(String, String)> {
            root.query_first(format!("SHOW STATUS LIKE '{name}'")).unwrap_or_default()
        };
        let (ready, size) = (status("wsrep_ready"), status("wsrep_cluster_size"));
        ready.is_some_and(|ready| ready.1 == "ON") && size.is_some_and(|size| size.1 == "3")
    }

    /// Cuts a node's network to the others, or joins it.
    pub fn cut_off(&self, node: usize, off: bool) {
        let set = format!("SET GLOBAL wsrep_provider_options='gmcast.isolate={}'", u8::from(off));
        self.nodes[node].root().query_drop(set).unwrap();
    }

    /// A URL with both servers, the one with the number `first` before the other.
    pub fn url(&self, first: usize, database: &str, more: &str) -> String {
        let [first, second] = [first, 1 - first].map(|number| self.nodes[number].port());
        super::url(first, database, more).replace(&format!(":{first}/"), &format!(":{first},127.0.0.1:{second}/"))
    }
}

impl Drop for Arbitrator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
