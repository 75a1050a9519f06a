//! Logging in to MySQL as it does it by default, with `caching_sha2_password`: whoever logs in for the first time since
//! the server's start, or since `FLUSH PRIVILEGES`, has to show the whole password, encrypted by TLS or with the
//! server's public key ("full authentication"); from then on a hash will do. (MySQL 8.4 Reference Manual, 8.4.1.2,
//! "Caching SHA-2 Pluggable Authentication")
//!
//! It runs on MySQL whatever the other tests run on.

mod contract_support;
mod mysql_support;

use std::sync::{Arc, Mutex, Weak};

use contract_support::{id, in_an_hour, read, write};
use mysql::prelude::Queryable;
use mysql_support::product::Product;
use mysql_support::proxy::Proxy;
use mysql_support::{ENCODED_PASSWORD, Mariadb, PASSWORD, begin, commit, machine};
use rustdb_core::backend::mysql::{DDL, LOCKS_DDL};
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Backend, Change, Committed, Store, Sweep};
use rustdb_core::visitor::Visitor;

/// A server with MySQL's own defaults, and a database with a user of the same name.
struct Place {
    server: Arc<Mariadb>,
    database: String,
}

fn server() -> Arc<Mariadb> {
    Arc::new(Mariadb::start_product(&Product::mysql(), &["--performance-schema=ON"]))
}

/// On the server that tests share; it ends with the last of them.
fn place() -> Place {
    static SHARED: Mutex<Weak<Mariadb>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let server = shared.upgrade().unwrap_or_else(server);
    *shared = Arc::downgrade(&server);
    drop(shared);
    Place::on(server)
}

impl Place {
    fn on(server: Arc<Mariadb>) -> Place {
        let database = server.database();
        let at = Place { server, database };
        at.user(&at.database, PASSWORD);
        at
    }

    fn user(&self, name: &str, password: &str) {
        self.root(&format!("CREATE USER {name}@'%' IDENTIFIED BY '{password}'"));
        self.root(&format!("GRANT ALL ON {}.* TO {name}@'%'", self.database));
    }

    fn root(&self, sql: &str) {
        let mut root = self.server.root();
        root.query_drop(format!("USE {}", self.database)).unwrap();
        root.query_drop(sql).unwrap();
    }

    /// The next who logs in is unknown.
    fn forget(&self) {
        self.root("FLUSH PRIVILEGES");
    }

    fn url(&self, port: u16, more: &str) -> String {
        let user = &self.database;
        format!("mysql://{user}:{ENCODED_PASSWORD}@127.0.0.1:{port}/{}?table=sessions{more}", self.database)
    }
}

#[test]
fn the_user_is_one_of_caching_sha2_password() {
    let at = place();
    let plugin = format!("SELECT plugin FROM mysql.user WHERE user='{}'", at.database);
    let plugin: Option<String> = at.server.root().query_first(plugin).unwrap();
    assert_eq!(plugin.as_deref(), Some("caching_sha2_password"));
}

#[test]
fn by_tcp_without_tls_the_first_login_asks_for_the_servers_key_and_later_ones_do_not() {
    // Others would have the server forget whom it knows.
    let at = Place::on(server());
    let proxy = Proxy::to(at.server.port());
    let mut logged_in = Vec::new();
    let mut log_in = || {
        let store = machine(&at.url(proxy.port, ""));
        let (round_trips, ()) = proxy.count(|| write(&store, "a", b"data", in_an_hour()));
        // Its end would send something too, and would count at any time.
        logged_in.push(store);
        round_trips
    };
    log_in(); // It makes the table.
    let known = log_in();
    assert_eq!(log_in(), known);
    at.forget();
    // The key is asked for, and then the password sent.
    assert_eq!(log_in(), known + 2);
    assert_eq!(log_in(), known);
    assert_eq!(read(&logged_in[0], "a").as_deref(), Some(b"data".as_slice()));
}

#[test]
fn by_tls_and_by_a_unix_socket_every_login_is_let_in() {
    let at = place();
    // The server made a certificate for itself when it started, in no host's name.
    let by_tls = at.url(at.server.port(), "&tls=1&verify=0");
    let by_socket = at.url(1, &format!("&socket={}", at.server.socket()));
    for (name, url) in [("tls", &by_tls), ("socket", &by_socket)] {
        at.forget();
        write(&machine(url), name, b"first", in_an_hour());
        write(&machine(url), name, b"again", in_an_hour());
        assert_eq!(read(&machine(url), name).as_deref(), Some(b"again".as_slice()));
    }
    at.root(&format!("ALTER USER {}@'%' REQUIRE SSL", at.database));
    write(&machine(&by_tls), "tls", b"only", in_an_hour());
    let plain = machine(&at.url(at.server.port(), ""));
    assert_eq!(plain.begin(id("a"), Access::Exclusive, None).unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn a_wrong_password_is_told_as_such_and_not_repeated() {
    let at = place();
    let socket = format!("&socket={}", at.server.socket());
    for (port, more) in [(at.server.port(), ""), (at.server.port(), "&tls=1&verify=0"), (1, socket.as_str())] {
        for known in [false, true] {
            if known {
                begin(&machine(&at.url(port, more)), "a");
            } else {
                at.forget();
            }
            let wrong = machine(&at.url(port, more).replace(ENCODED_PASSWORD, "s3cret"));
            let error = wrong.begin(id("a"), Access::Exclusive, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
            let text = error.to_string();
            assert!(text.contains("does not let the user in") && text.contains("check user and password"), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[test]
fn a_user_without_a_password_and_one_with_a_long_one_are_let_in() {
    let at = place();
    let long = "0123456789abcdef".repeat(10);
    for (name, password) in [("open", ""), ("careful", long.as_str())] {
        at.user(name, password);
        let url = format!("mysql://{name}:{password}@127.0.0.1:{}/{}", at.server.port(), at.database);
        for _ in 0..2 {
            write(&machine(&url), name, b"data", in_an_hour());
        }
    }
}

#[test]
fn the_documented_rights_are_enough() {
    let at = place();
    at.root(DDL);
    at.root(LOCKS_DDL);
    at.root(&format!("CREATE USER few@'%' IDENTIFIED BY '{PASSWORD}'"));
    for table in ["sessions", "sessions_locks"] {
        at.root(&format!("GRANT SELECT,INSERT,UPDATE,DELETE ON {}.{table} TO few@'%'", at.database));
    }
    for lock in ["advisory", "lease"] {
        let url = at.url(at.server.port(), &format!("&lock={lock}"));
        let store = machine(&url.replace(&format!("{}:", at.database), "few:"));
        for name in ["a", "b"] {
            write(&store, name, b"data", in_an_hour());
        }
        let record = Record::new(b"changed".as_slice(), in_an_hour());
        for change in
            [Change::Touch(in_an_hour(), &Visitor::UNKNOWN), Change::Write(&record), Change::None, Change::Destroy]
        {
            let held = begin(&store, "a");
            store.maintain();
            assert_eq!(commit(&store, "a", change, held.lease), Committed::Done);
        }
        write(&store, "b", b"old", Expiry(now() - 1));
        assert_eq!(store.sweep(now(), 10, 0, &mut |_| true).unwrap().collected, 1);
    }
}
