//! What every store promises, kept by the one on MySQL and MariaDB, and what it does besides.

#[macro_use]
mod contract_support;
mod mysql_support;

use std::time::Duration;

use ::mysql::prelude::Queryable;
use contract_support::{id, in_an_hour, lease, read, write};
use mysql_support::{Mariadb, begin, commit, machine, numbers, payload, url};
use rustdb_core::backend::mysql::{DDL, Mysql};
use rustdb_core::entry;
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::server::Server;
use rustdb_core::store::{Access, Backend, Batch, Change, Committed, Found, Lease, Store, Sweep};
use rustdb_core::visitor::Visitor;

/// An empty database on the shared server, and a machine that uses it.
struct Place {
    store: Mysql,
    url: String,
    database: String,
    server: std::sync::Arc<Mariadb>,
}

fn place() -> Place {
    let server = Mariadb::shared();
    let database = server.database();
    let url = url(server.port(), &database, "");
    Place { store: machine(&url), url, database, server }
}

impl Place {
    fn without_locking(&self) -> Mysql {
        Mysql::open(&Server::parse(&self.url).unwrap().unwrap(), false, Duration::ZERO).unwrap()
    }

    fn sql(&self, sql: &str) {
        let mut root = self.server.root();
        root.query_drop(format!("USE {}", self.database)).unwrap();
        root.query_drop(sql).unwrap();
    }

    fn count(&self) -> usize {
        self.server.root().query_first(format!("SELECT COUNT(*) FROM {}.sessions", self.database)).unwrap().unwrap()
    }
}

contract!(contract_on_mariadb, place());

#[test]
fn a_session_that_was_never_written_is_missing() {
    let at = place();
    assert_eq!(payload(begin(&at.store, "nobody").found), None);
}

#[test]
fn ids_that_differ_in_case_have_locks_of_their_own() {
    let at = place();
    let small = begin(&at.store, "abc");
    let large = begin(&at.store, "ABC");
    assert_ne!(small.lease.token, large.lease.token);
}

#[test]
fn an_expired_session_is_missing_and_the_next_one_replaces_it() {
    let at = place();
    write(&at.store, "old", b"data", Expiry(now() - 1));
    at.sql("UPDATE sessions SET created=1,user_id='7'");
    assert_eq!(payload(begin(&at.store, "old").found), None);
    let again = machine(&at.url);
    drop(at.store);
    write(&again, "old", b"new", in_an_hour());
    assert_eq!(read(&again, "old").as_deref(), Some(b"new".as_slice()));
    let row: (i64, Option<String>) =
        at.server.root().query_first(format!("SELECT created,user_id FROM {}.sessions", at.database)).unwrap().unwrap();
    assert!(row.0 > 1);
    assert_eq!(row.1, None);
}

#[test]
fn what_the_caller_knows_is_not_sent_again() {
    let at = place();
    let expires = in_an_hour();
    write(&at.store, "a", b"data", expires);
    let version = Record::new(b"data".as_slice(), expires).version;
    let known = |version| at.store.begin(id("a"), Access::ReadOnly, Some(version)).unwrap().found;
    assert_eq!(known(version), Found::Current(expires));
    let held = at.store.begin(id("a"), Access::Exclusive, Some(version)).unwrap();
    assert_eq!(held.found, Found::Current(expires));
    assert_eq!(commit(&at.store, "a", Change::None, held.lease), Committed::Done);
    assert!(matches!(known(Record::new(b"other".as_slice(), expires).version), Found::Record(_)));
    // Somebody changed the payload by hand and said so.
    at.sql("UPDATE sessions SET payload='bmV3',version=NULL");
    assert_eq!(payload(known(version)).as_deref(), Some(b"new".as_slice()));
}

#[test]
fn touching_moves_the_expiry_and_keeps_the_payload() {
    let at = place();
    write(&at.store, "a", b"data", Expiry(now() + 10));
    let later = in_an_hour();
    let lease = begin(&at.store, "a").lease;
    assert_eq!(commit(&at.store, "a", Change::Touch(later, &Visitor::UNKNOWN), lease), Committed::Done);
    // A second time nothing is left to change, and the session is there all the same.
    let lease = begin(&at.store, "a").lease;
    assert_eq!(commit(&at.store, "a", Change::Touch(later, &Visitor::UNKNOWN), lease), Committed::Done);
    match at.store.begin(id("a"), Access::ReadOnly, None).unwrap().found {
        Found::Record(record) => {
            assert_eq!(record.payload.as_ref(), b"data");
            assert_eq!(record.expires, later);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn touching_what_is_not_there_says_so_and_keeps_the_lease() {
    let at = place();
    assert_eq!(
        commit(&at.store, "a", Change::Touch(in_an_hour(), &Visitor::UNKNOWN), Lease::default()),
        Committed::Gone
    );
    let lease = begin(&at.store, "a").lease;
    assert_eq!(commit(&at.store, "a", Change::Touch(in_an_hour(), &Visitor::UNKNOWN), lease), Committed::Gone);
    let record = Record::new(b"again".as_slice(), in_an_hour());
    assert_eq!(commit(&at.store, "a", Change::Write(&record), lease), Committed::Done);
    assert_eq!(read(&at.store, "a").as_deref(), Some(b"again".as_slice()));
    assert_eq!(commit(&at.store, "a", Change::None, lease), Committed::LeaseLost);
}

#[test]
fn a_session_ended_by_somebody_else_stays_ended() {
    let at = place();
    for with_lease in [true, false] {
        let store = if with_lease { machine(&at.url) } else { at.without_locking() };
        for change in [
            Change::Write(&Record::new(b"new".as_slice(), in_an_hour())),
            Change::Touch(in_an_hour(), &Visitor::UNKNOWN),
        ] {
            write(&store, "a", b"data", in_an_hour());
            let lease = begin(&store, "a").lease;
            assert_eq!(lease.token != 0, with_lease);
            at.sql("DELETE FROM sessions");
            assert_eq!(commit(&store, "a", change, lease), Committed::Ended);
            assert_eq!(at.count(), 0);
        }
    }
}

#[test]
fn a_fresh_id_is_written_if_it_is_free_or_expired() {
    let at = place();
    write(&at.store, "old", b"data", Expiry(now() - 1));
    for name in ["new", "old"] {
        let begun = at.store.begin(id(name), Access::Fresh, None).unwrap();
        let record = Record::new(b"fresh".as_slice(), in_an_hour());
        assert_eq!(commit(&at.store, name, Change::Write(&record), begun.lease), Committed::Done);
        assert_eq!(read(&at.store, name).as_deref(), Some(b"fresh".as_slice()));
    }
}

#[test]
fn a_session_that_is_looked_for_only_is_not_locked_when_it_is_missing() {
    let at = place();
    let begun = at.store.begin(id("a"), Access::ExclusiveIfExists, None).unwrap();
    assert_eq!((begun.found, begun.lease.token), (Found::Missing, 0));
    let other = machine(&at.url);
    write(&other, "a", b"data", in_an_hour());
    let begun = at.store.begin(id("a"), Access::ExclusiveIfExists, None).unwrap();
    assert_ne!(begun.lease.token, 0);
    assert_eq!(payload(begun.found).as_deref(), Some(b"data".as_slice()));
}

#[test]
fn a_large_payload_is_kept() {
    let at = place();
    // More than one packet of the protocol, which is 16 MiB, has to hold.
    at.server.root().query_drop("SET GLOBAL max_allowed_packet=67108864").unwrap();
    let large = vec![7; 20 << 20];
    write(&at.store, "large", &large, in_an_hour());
    assert!(read(&at.store, "large") == Some(large));
    write(&at.store, "large", b"small", in_an_hour());
    assert_eq!(read(&at.store, "large").as_deref(), Some(b"small".as_slice()));
}

#[test]
fn a_table_made_by_an_administrator_from_the_documented_statement_is_used() {
    let at = place();
    at.sql(DDL);
    write(&at.store, "a", b"data", in_an_hour());
    assert_eq!(at.count(), 1);
}

#[test]
fn a_table_dropped_behind_our_back_is_made_again() {
    let at = place();
    write(&at.store, "a", b"data", in_an_hour());
    at.sql("DROP TABLE sessions");
    assert_eq!(payload(begin(&at.store, "a").found), None);
    write(&machine(&at.url), "b", b"data", in_an_hour());
    assert_eq!(at.count(), 1);
}

fn encoded(name: &str, payload: &[u8], expires: Expiry) -> Vec<u8> {
    let mut entry = vec![0; entry::HEADER + payload.len()];
    entry::encode_session(id(name), &Record::new(payload, expires), &mut entry);
    entry
}

#[test]
fn a_batch_writes_and_ends_many_sessions_in_the_order_it_has_them() {
    let at = place();
    write(&at.store, "ended", b"x", in_an_hour());
    write(&at.store, "changed", b"x", in_an_hour());
    at.sql("UPDATE sessions SET created=1");
    let names: Vec<String> = (0..3000).map(|number| format!("s{number}")).collect();
    let many = names.iter().map(|name| (name.as_str(), encoded(name, &[b'y'; 500], in_an_hour())));
    let mut changes: Vec<_> = many.collect();
    changes.push(("ended", entry::encode_tombstone(id("ended")).to_vec()));
    changes.push(("twice", entry::encode_tombstone(id("twice")).to_vec()));
    changes.push(("twice", encoded("twice", b"2", in_an_hour())));
    changes.push(("changed", encoded("changed", b"z", in_an_hour())));
    at.store.apply(&mut changes.iter().map(|(name, entry)| (id(name), entry.as_slice()))).unwrap();
    assert_eq!(at.count(), 3002);
    assert_eq!(read(&at.store, "s2999"), Some(vec![b'y'; 500]));
    assert_eq!(read(&at.store, "ended"), None);
    assert_eq!(read(&at.store, "twice").as_deref(), Some(b"2".as_slice()));
    assert_eq!(read(&at.store, "changed").as_deref(), Some(b"z".as_slice()));
    let created = format!("SELECT created FROM {}.sessions WHERE id='changed'", at.database);
    assert_eq!(at.server.root().query_first::<i64, _>(created).unwrap(), Some(1));
}

#[test]
fn a_batch_is_applied_whole_or_not_at_all() {
    let at = place();
    write(&at.store, "first", b"x", in_an_hour());
    at.sql("ALTER TABLE sessions ADD CONSTRAINT short CHECK (LENGTH(payload) < 1000)");
    let changes = [
        ("fine", encoded("fine", b"y", in_an_hour())),
        ("first", entry::encode_tombstone(id("first")).to_vec()),
        ("long", encoded("long", &[b'y'; 2000], in_an_hour())),
    ];
    assert!(at.store.apply(&mut changes.iter().map(|(name, entry)| (id(name), entry.as_slice()))).is_err());
    assert_eq!(at.count(), 1);
    assert_eq!(read(&at.store, "first").as_deref(), Some(b"x".as_slice()));
}

#[test]
fn a_sweep_takes_what_has_expired_and_nothing_else() {
    let at = place();
    let now = now();
    for number in 0..50 {
        write(&at.store, &format!("old{number}"), b"x", Expiry(now - 1 - number));
        write(&at.store, &format!("new{number}"), b"x", in_an_hour());
    }
    let first = at.store.sweep(now, 30, 0, &mut |_| true).unwrap();
    assert_eq!((first.collected, first.more), (30, true));
    let spared = at.store.sweep(now, 30, 0, &mut |id| id.as_bytes() != b"old0").unwrap();
    assert_eq!((spared.collected, spared.kept, spared.more), (19, 1, false));
    let passed = at.store.sweep(now, 30, 1, &mut |_| true).unwrap();
    assert_eq!((passed.collected, passed.more), (0, false));
    let rest = at.store.sweep(now, 30, 0, &mut |_| true).unwrap();
    assert_eq!((rest.collected, rest.more), (1, false));
    assert_eq!(at.count(), 50);
}

#[test]
fn a_sweep_is_bounded_goes_by_the_index_and_spares_sessions_in_use() {
    let at = place();
    let other = machine(&at.url);
    write(&at.store, "used", b"x", Expiry(now() + 1));
    let held = begin(&other, "used");
    at.sql("UPDATE sessions SET expires=1");
    let many = format!("SELECT CONCAT('s',seq),'',2,0 FROM {}", numbers(2500));
    at.sql(&format!("INSERT INTO sessions (id,payload,expires,created) {many}"));
    let swept = at.store.sweep(now(), 100_000, 0, &mut |_| true).unwrap();
    assert_eq!((swept.collected, swept.kept, swept.more), (999, 1, true));
    let mut root = at.server.root();
    let select = format!("SELECT id FROM {}.sessions WHERE expires<3 ORDER BY expires,id LIMIT 0,1001", at.database);
    let plan: Vec<::mysql::Row> = root.query(format!("EXPLAIN FORMAT=TRADITIONAL {select}")).unwrap();
    assert_eq!(plan[0].get::<String, _>("key").as_deref(), Some("expires"));
    assert!(!plan[0].get::<String, _>("Extra").unwrap().contains("filesort"));
    let record = Record::new(b"y".as_slice(), in_an_hour());
    assert_eq!(commit(&other, "used", Change::Write(&record), held.lease), Committed::Done);
}

#[test]
fn one_machine_sweeps_at_a_time() {
    let at = place();
    let other = machine(&at.url);
    write(&at.store, "old", b"x", Expiry(1));
    let mut seen = None;
    let swept = at.store.sweep(now(), 10, 0, &mut |_| {
        seen = Some(other.sweep(now(), 10, 0, &mut |_| true).unwrap());
        true
    });
    assert_eq!(seen.unwrap(), Default::default());
    assert_eq!(swept.unwrap().collected, 1);
}

#[test]
fn without_locking_nothing_is_held() {
    let at = place();
    let store = at.without_locking();
    assert!(!store.has_leases());
    assert_eq!(begin(&store, "a").lease.token, 0);
    assert_eq!(commit(&store, "a", Change::None, Lease::default()), Committed::Done);
    assert!(!store.maintain());
}

#[test]
fn opening_a_store_connects_to_nobody() {
    let nobody = "mysql://u@127.0.0.1:1/db";
    let store = machine(nobody);
    let error = store.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains(nobody), "{error}");
}
