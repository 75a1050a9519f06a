//! How many round trips a request costs on each kind of server, from the start of its session to the end, counted on the
//! wire.

mod contract_support;
mod mysql_support;
#[allow(dead_code)] // The Redis tests use the rest.
#[path = "redis/server.rs"]
mod server;

use std::sync::atomic::{AtomicUsize, Ordering};

use contract_support::id;
use mysql_support::proxy::Proxy;
use mysql_support::{Mariadb, url};
use rustdb_core::config::{ENTRIES, Raw, Settings};
use rustdb_core::contents::Format;
use rustdb_core::sessions::{Held, Intent, Sessions, Told};
use rustdb_core::store::Access;
use server::Server;
use tempfile::TempDir;

const LIFETIME: i64 = 1440;

/// A session of somebody who is logged in.
const MADE: &[u8] = b"user|i:41;n|s:4:\"made\";";

/// The ways to the servers of a store, and its URL.
type Place = (Vec<Proxy>, String);

/// A site whose ways to its servers are counted.
struct Site {
    sessions: Sessions,
    proxies: Vec<Proxy>,
    _directory: TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(buffer) = self.sessions.host().report().ok().and_then(|report| report.buffer) {
            let _ = std::fs::remove_dir_all(buffer.path);
        }
    }
}

impl Site {
    /// On a store at the end of `proxies`, with these settings.
    fn new((proxies, store): Place, more: &[(&str, &str)]) -> Site {
        let directory = tempfile::tempdir().unwrap();
        let value = |(name, default): &(&str, &str)| {
            let given = [("store", store.as_str()), ("user_key", "user")]
                .iter()
                .chain(more)
                .find(|(entry, _)| entry == name)
                .copied();
            given.map_or(*default, |(_, value)| value).to_owned()
        };
        let save_path = directory.path().display().to_string();
        let raw = Raw { values: ENTRIES.iter().map(value).collect(), save_path };
        let sessions = Sessions::open(&Settings::parse(&raw).unwrap()).unwrap();
        Site { sessions, proxies, _directory: directory }
    }

    fn begin(&self, name: &str, access: Access) -> Option<Held> {
        self.sessions.begin(id(name), access).unwrap()
    }

    fn end(&self, mut held: Held, intent: Intent<'_>) {
        let client = Told { format: Some(Format::Php), ip: Some(b"192.0.2.7"), agent: Some(b"Mozilla/5.0") };
        self.sessions.commit(&mut held, intent, LIFETIME, &client).unwrap();
        self.sessions.release(held);
    }

    /// A session with an id of PHP's own making.
    fn make(&self, name: &str) {
        self.end(self.begin(name, Access::Fresh).unwrap(), Intent::Write(MADE));
    }

    /// What strict mode asks for, which every request of a known session does.
    fn open(&self, name: &str) -> Held {
        self.begin(name, Access::ExclusiveIfExists).unwrap()
    }

    /// Replaces an id, with `rustdb.regenerate_grace`.
    fn hand_over(&self, name: &str, unguessable: bool) {
        let (new, mut old) = (format!("{name}-new"), self.open(name));
        let heir = self.sessions.hand_over(&mut old, id(&new), unguessable).unwrap().unwrap();
        self.sessions.release(old);
        self.end(heir, Intent::Write(b"user|i:41;n|s:7:\"goes on\";"));
    }

    /// Counts a request for a session that was made before: the least of three tries, as in between the background
    /// thread may have something to say.
    fn count(&self, what: &str, request: impl Fn(&str)) -> usize {
        let tries = (0..3).map(|number| {
            let name = format!("{what}{number}");
            self.make(&name);
            self.count_on(&self.proxies, &|| request(&name))
        });
        tries.min().unwrap()
    }

    fn count_on(&self, proxies: &[Proxy], request: &dyn Fn()) -> usize {
        let Some((proxy, others)) = proxies.split_first() else {
            request();
            return 0;
        };
        let (trips, more) = proxy.count(|| self.count_on(others, request));
        trips + more
    }
}

/// Round trips of each kind of request.
#[derive(Debug, PartialEq, Eq)]
struct Trips {
    unchanged: usize,
    modified: usize,
    new: usize,
    /// With an id in the cookie that nobody knows.
    unknown: usize,
    destroyed: usize,
    regenerated: usize,
    /// With `rustdb.regenerate_grace`.
    handed_over: usize,
    /// The same where the new id has too few random bits to be nobody else's.
    handed_over_to_any: usize,
}

/// Several machines share the store.
const MANY: Trips = Trips {
    unchanged: 2,
    modified: 2,
    new: 1,
    unknown: 2,
    destroyed: 2,
    regenerated: 3,
    handed_over: 4,
    handed_over_to_any: 5,
};

/// One machine has it.
const ALONE: Trips = Trips {
    unchanged: 0,
    modified: 1,
    new: 1,
    unknown: 2,
    destroyed: 1,
    regenerated: 2,
    handed_over: 3,
    handed_over_to_any: 4,
};

/// Counts all of them on stores that `place` makes.
fn trips(place: impl Fn() -> Place, more: &[(&str, &str)]) -> Trips {
    let plain = Site::new(place(), more);
    let grace = Site::new(place(), &[more, &[("regenerate_grace", "60")]].concat());
    for site in [&plain, &grace] {
        // Connections, the table, and scripts that the server does not know yet.
        site.make("warm");
        site.end(site.open("warm"), Intent::Write(b"user|i:41;n|s:6:\"warmer\";"));
        site.end(site.open("warm"), Intent::Destroy);
    }
    grace.make("handed-over");
    grace.hand_over("handed-over", true);
    Trips {
        unchanged: plain.count("unchanged", |name| plain.end(plain.open(name), Intent::Unchanged(MADE))),
        modified: plain
            .count("modified", |name| plain.end(plain.open(name), Intent::Write(b"user|i:41;n|s:7:\"changed\";"))),
        new: plain.count("new", |name| plain.make(&format!("{name}-new"))),
        unknown: plain.count("unknown", |name| {
            assert!(plain.begin("nobody", Access::ExclusiveIfExists).is_none());
            plain.make(&format!("{name}-new"));
        }),
        destroyed: plain.count("destroyed", |name| plain.end(plain.open(name), Intent::Destroy)),
        regenerated: plain.count("regenerated", |name| {
            plain.end(plain.open(name), Intent::Destroy);
            plain.make(&format!("{name}-new"));
        }),
        handed_over: grace.count("new", |name| grace.hand_over(name, true)),
        handed_over_to_any: grace.count("any", |name| grace.hand_over(name, false)),
    }
}

/// A database of a server that tests share.
fn mariadb(options: &str) -> Place {
    let server = Mariadb::shared();
    let proxy = Proxy::to(server.port());
    let url = url(proxy.port, &server.database(), options);
    (vec![proxy], url)
}

fn redis(server: &Server) -> Place {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let proxy = Proxy::to(server.port());
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let url = format!("redis://127.0.0.1:{}?prefix=P{number}:", proxy.port);
    (vec![proxy], url)
}

#[test]
fn requests_of_many_machines_on_redis() {
    let server = Server::start(&[]);
    assert_eq!(trips(|| redis(&server), &[]), MANY);
    assert!(server.calls("zadd") > 0, "whose they are is noted");
}

#[test]
fn requests_of_one_machine_on_redis() {
    let server = Server::start(&[]);
    assert_eq!(trips(|| redis(&server), &[("multi_host", "off")]), ALONE);
    assert!(server.calls("zadd") > 0, "whose they are is noted");
}

#[test]
fn requests_of_many_machines_on_mysql() {
    let _server = Mariadb::shared();
    assert_eq!(trips(|| mariadb(""), &[]), MANY);
}

#[test]
fn requests_of_many_machines_on_mysql_with_locks_as_rows() {
    let _server = Mariadb::shared();
    assert_eq!(trips(|| mariadb("&lock=lease"), &[]), MANY);
}

#[test]
fn requests_of_one_machine_on_mysql() {
    let _server = Mariadb::shared();
    assert_eq!(trips(|| mariadb(""), &[("multi_host", "off")]), ALONE);
}

#[test]
fn small_sessions_on_redis_in_front_of_mysql() {
    let (server, _mysql) = (Server::start(&[]), Mariadb::shared());
    let chain = || {
        let ((mut proxies, redis), (mysql, url)) = (redis(&server), mariadb(""));
        proxies.extend(mysql);
        (proxies, format!("{redis} {url}"))
    };
    // Redis is told of what is destroyed.
    assert_eq!(trips(chain, &[]), Trips { destroyed: 3, regenerated: 4, ..MANY });
}
