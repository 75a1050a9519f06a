//! A machine with a chain, and the servers of it.

use std::sync::Arc;
use std::time::Duration;

use rustdb_core::backend::mysql::Mysql;
use rustdb_core::backend::redis::Redis;
use rustdb_core::chain::copies::Copies;
use rustdb_core::chain::{Chain, front};
use rustdb_core::record::Record;
use rustdb_core::store::{Access, Begun, Change, Committed, Found, Lease, Store};
use tempfile::TempDir;

use crate::contract_support::{id, in_an_hour};
use crate::mysql_support::{Mariadb, url};
use crate::server::Server;

/// A payload that gets a copy, in a chain of [`Machine::at`].
pub const LARGE: usize = 1000;

/// What has a directory of its own for what it knows.
pub struct Machine {
    pub store: Chain<Redis, Mysql>,
    pub directory: TempDir,
}

impl Machine {
    /// With `redis` in front of `mysql`, both URLs.
    pub fn new(redis: &str, mysql: &str, locking: bool) -> Machine {
        Machine::of(tempfile::tempdir().unwrap(), redis, mysql, locking)
    }

    /// Another process of this machine.
    pub fn process_beside(&self, redis: &str, mysql: &str) -> Machine {
        let directory = tempfile::tempdir().unwrap();
        let copies = directory.path().join("copies");
        std::fs::hard_link(self.directory.path().join("copies"), copies).unwrap();
        Machine::of(directory, redis, mysql, true)
    }

    fn of(directory: TempDir, redis: &str, mysql: &str, locking: bool) -> Machine {
        let (front, server) = front::parse(&format!("{redis} {mysql}")).unwrap().unwrap();
        let copies = Copies::open(directory.path(), "copies").unwrap();
        let redis = Redis::open(&front.server, false, Duration::ZERO).unwrap();
        let mysql = Mysql::open(&server, locking, Duration::from_secs(30)).unwrap();
        Machine { store: Chain::new(redis, mysql, copies, front.least), directory }
    }

    /// With a Redis at a port, where payloads get a copy from [`LARGE`] on.
    pub fn at(port: u16, mysql: &str) -> Machine {
        Machine::at_url(&format!("redis://127.0.0.1:{port}"), mysql)
    }

    /// The same with the Redis at a URL.
    pub fn at_url(redis: &str, mysql: &str) -> Machine {
        Machine::new(&format!("{redis}?least={LARGE}"), mysql, true)
    }

    /// Takes a session.
    pub fn begin(&self, name: &str) -> Begun {
        self.store.begin(id(name), Access::Exclusive, None).unwrap()
    }

    /// Brings a change to the store.
    pub fn commit(&self, name: &str, change: Change<'_>, lease: Lease) -> Committed {
        self.store.commit(id(name), change, lease).unwrap()
    }

    /// Takes a session, writes it and lets go.
    pub fn write(&self, name: &str, payload: &[u8]) {
        let lease = self.begin(name).lease;
        let record = Record::new(payload, in_an_hour());
        assert_eq!(self.commit(name, Change::Write(&record), lease), Committed::Done);
    }

    /// Takes a session and lets go; returns what it was.
    pub fn visit(&self, name: &str) -> Option<Vec<u8>> {
        let begun = self.begin(name);
        assert_eq!(self.commit(name, Change::None, begun.lease), Committed::Done);
        payload(begun.found)
    }

    /// Takes a session and ends it.
    pub fn destroy(&self, name: &str) {
        let lease = self.begin(name).lease;
        assert_eq!(self.commit(name, Change::Destroy, lease), Committed::Done);
    }

    /// Messages for the log.
    pub fn log(&self) -> Vec<String> {
        use rustdb_core::store::Backend;
        self.store.notices().take().iter().map(ToString::to_string).collect()
    }
}

/// What `begin` found.
pub fn payload(found: Found) -> Option<Vec<u8>> {
    match found {
        Found::Record(record) => Some(record.payload.into_owned()),
        Found::Missing => None,
        Found::Current(_) => panic!("nothing is known, so nothing can be current"),
    }
}

/// A payload of [`LARGE`] bytes and a few, another one for each `text`.
pub fn large(text: &str) -> Vec<u8> {
    format!("{text}|{}", ".".repeat(LARGE)).into_bytes()
}

/// A Redis, and an empty database of the shared MariaDB.
pub struct Servers {
    pub redis: Server,
    pub mysql: Arc<Mariadb>,
    pub url: String,
    pub database: String,
}

impl Servers {
    pub fn start() -> Servers {
        let mysql = Mariadb::shared();
        let database = mysql.database();
        Servers { redis: Server::start(&[]), url: url(mysql.port(), &database, ""), mysql, database }
    }

    /// A machine that reaches both.
    pub fn machine(&self) -> Machine {
        Machine::at(self.redis.port(), &self.url)
    }

    /// The copy of a session, past rustdb.
    pub fn copy(&self, name: &str) -> Option<String> {
        self.redis.text(&["GET", &format!("RUSTDB_COPY:{name}")])
    }
}
