//! What the tests of the MySQL store share: private MariaDB or MySQL servers, and a proxy in front of one.

#![allow(dead_code)] // Each test binary uses its own part of this module.

pub mod galera;
pub mod product;
pub mod proxy;
pub mod tables;

use std::process::{Child, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use rustdb_core::backend::mysql::Mysql;
use rustdb_core::record::Record;
use rustdb_core::server::Server;
use rustdb_core::store::{Access, Begun, Change, Committed, Found, Lease, Store};
use tempfile::TempDir;

use self::product::Product;
use crate::contract_support::{id, in_an_hour, read};

/// Ends a hang. It measures nothing.
pub const HANG: Duration = Duration::from_secs(60);

/// The password of the user `tester`, with characters that a URL reserves.
pub const PASSWORD: &str = "p@ss:w/ord?";
/// The same, as it stands in a URL.
pub const ENCODED_PASSWORD: &str = "p%40ss%3Aw%2Ford%3F";

/// A MariaDB server of a test's own, or one of MySQL where the tests run on that (see [`Product`]), in a temporary
/// directory. It ends with this value.
pub struct Mariadb {
    product: Product,
    child: Child,
    directory: TempDir,
    port: u16,
    options: Vec<String>,
}

/// A port that nobody uses just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn is_root() -> bool {
    // SAFETY: geteuid(2) only returns a number.
    unsafe { libc::geteuid() == 0 }
}

impl Mariadb {
    /// A server with these options besides the usual ones.
    pub fn start(options: &[&str]) -> Mariadb {
        Self::start_product(&Product::chosen(), options)
    }

    /// The same, of a certain product.
    pub fn start_product(product: &Product, options: &[&str]) -> Mariadb {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let server = Self::start_at(product, product.prepare(), options);
        server.let_testers_in();
        server
    }

    fn start_at(product: &Product, directory: TempDir, options: Vec<String>) -> Mariadb {
        let port = free_port();
        let child = product.spawn(&directory, port, &options);
        let mut server = Mariadb { product: product.clone(), child, directory, port, options };
        server.wait();
        server
    }

    fn let_testers_in(&self) {
        let mut root = self.root();
        root.query_drop(format!("CREATE USER tester@'%' IDENTIFIED BY '{PASSWORD}'")).unwrap();
        root.query_drop("GRANT ALL ON `t%`.* TO tester@'%'").unwrap();
    }

    /// The server that tests share which leave it as it was; it ends with the last of them.
    pub fn shared() -> Arc<Mariadb> {
        static SHARED: Mutex<Weak<Mariadb>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Mariadb::start(&[]));
            *shared = Arc::downgrade(&server);
            server
        })
    }

    fn wait(&mut self) {
        let begun = Instant::now();
        loop {
            let log = || std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            if mysql::Conn::new(self.root_options()).is_ok() {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended by {status}: {}", log());
            }
            assert!(begun.elapsed() < HANG, "the server does not come up: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn root_options(&self) -> mysql::Opts {
        mysql::OptsBuilder::new().socket(Some(self.socket())).user(Some("root")).into()
    }

    /// A connection of the administrator.
    pub fn root(&self) -> mysql::Conn {
        mysql::Conn::new(self.root_options()).unwrap()
    }

    /// The unix socket.
    pub fn socket(&self) -> String {
        self.directory.path().join("socket").display().to_string()
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A directory that goes with the server.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Makes an empty database and returns its name.
    pub fn database(&self) -> String {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.root().query_drop(format!("CREATE DATABASE {name}")).unwrap();
        name
    }

    /// Breaks all connections to a database.
    pub fn kill_connections(&self, database: &str) {
        let mut root = self.root();
        let connections = format!("SELECT id FROM information_schema.processlist WHERE db='{database}'");
        let ids: Vec<u64> = root.query(&connections).unwrap();
        assert!(!ids.is_empty());
        for id in ids {
            // One may have ended by itself meanwhile.
            let _ = root.query_drop(format!("KILL {id}"));
        }
        wait_until("they are gone", || root.query::<u64, _>(&connections).unwrap().is_empty());
    }

    /// Makes it hang (SIGSTOP); returns when all of it has stopped.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
        let pid = self.child.id() as i32;
        let mut status = 0;
        // SAFETY: as in `signal`. A stop is reported without the child being waited away.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, libc::WUNTRACED) }, pid);
        assert!(libc::WIFSTOPPED(status), "the server ended");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        // SAFETY: the process was started here and not waited for yet, so the number is still its own.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// Ends the server at once, as a power cut does.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again at the same place, with other options.
    pub fn start_again(&mut self, options: &[&str]) {
        self.options = options.iter().map(|option| (*option).to_owned()).collect();
        self.child = self.product.spawn(&self.directory, self.port, &self.options);
        self.wait();
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The URL of a database behind a port; `more`: options, each with its `&`.
pub fn url(port: u16, database: &str, more: &str) -> String {
    format!("mysql://tester:{ENCODED_PASSWORD}@127.0.0.1:{port}/{database}?table=sessions{more}")
}

/// What stands behind FROM in SQL to have the column `seq` with the numbers from 1 to `last`, 10,000 at most.
pub fn numbers(last: u32) -> String {
    // Servers stop a recursion at 1,000.
    let hundred = "SELECT 1 UNION ALL SELECT n+1 FROM hundred WHERE n<100";
    let all = "SELECT low.n+100*(high.n-1) AS seq FROM hundred AS low,hundred AS high";
    format!("(WITH RECURSIVE hundred (n) AS ({hundred}) SELECT seq FROM ({all}) AS every WHERE seq<={last}) AS numbers")
}

/// The store that a URL names, as one machine sees it.
pub fn machine(url: &str) -> Mysql {
    machine_that_waits(url, Duration::from_secs(30))
}

/// The same with another wait for locks.
pub fn machine_that_waits(url: &str, lock_wait: Duration) -> Mysql {
    Mysql::open(&Server::parse(url).unwrap().unwrap(), true, lock_wait).unwrap()
}

/// Takes a session.
pub fn begin(store: &Mysql, name: &str) -> Begun {
    store.begin(id(name), Access::Exclusive, None).unwrap()
}

/// Brings a change to the store.
pub fn commit(store: &Mysql, name: &str, change: Change<'_>, lease: Lease) -> Committed {
    store.commit(id(name), change, lease).unwrap()
}

/// What `begin` found.
pub fn payload(found: Found) -> Option<Vec<u8>> {
    match found {
        Found::Record(record) => Some(record.payload.into_owned()),
        Found::Missing => None,
        Found::Current(_) => panic!("nothing is known, so nothing can be current"),
    }
}

/// Counts a session up until it was acknowledged so many times. Returns how many more tries failed, of which it is not
/// known whether they counted.
pub fn count_up(store: &Mysql, name: &str, times: u64) -> u64 {
    let (mut done, mut lost) = (0, 0);
    while done < times {
        // A new connection may be hit as well, and is not tried again.
        let Ok(begun) = store.begin(id(name), Access::Exclusive, None) else { continue };
        let count: u64 = String::from_utf8(payload(begun.found).unwrap()).unwrap().parse().unwrap();
        let next = Record::new((count + 1).to_string().into_bytes(), in_an_hour());
        match store.commit(id(name), Change::Write(&next), begun.lease) {
            Ok(Committed::Done) => done += 1,
            Ok(Committed::LeaseLost) | Err(_) => lost += 1,
            Ok(other) => panic!("{other:?}"),
        }
    }
    lost
}

/// What it has been counted up to.
pub fn counted(store: &Mysql, name: &str) -> u64 {
    String::from_utf8(read(store, name).unwrap()).unwrap().parse().unwrap()
}

/// Waits for a condition.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < HANG, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
