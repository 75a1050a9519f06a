//! Tables that other programs made: what they wrote is read, and what is written they could have written.
//!
//! The tables are made by the statements of their owners: UserFrosting 4 to 6, Laravel's `session:table`, ProcessWire's
//! SessionHandlerDB, Symfony's PdoSessionHandler.

mod contract_support;
mod mysql_support;

use std::sync::Arc;

use contract_support::{id, in_an_hour, read, write};
use mysql::prelude::Queryable;
use mysql_support::{Mariadb, begin, commit, machine, numbers, payload, tables, url, wait_until};
use rustdb_core::backend::mysql::Mysql;
use rustdb_core::entry;
use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Batch, Change, Committed, Found, Store, Sweep};
use rustdb_core::visitor::Visitor;

const LIFETIME: i64 = 3600;

/// A kind of table, and how its owner reads and writes it: `{id}`, `{payload}` (in hexadecimal) and `{used}`, the
/// second of the last use, stand for the values.
struct Owner {
    name: &'static str,
    ddl: &'static str,
    options: &'static str,
    insert: &'static str,
    select: &'static str,
}

const USERFROSTING: Owner = Owner {
    name: "userfrosting",
    ddl: tables::USERFROSTING,
    options: "&lifetime=3600",
    insert: "INSERT INTO sessions (id,payload,last_activity) VALUES ('{id}',TO_BASE64(x'{payload}'),{used})",
    select: "SELECT FROM_BASE64(payload),last_activity FROM sessions WHERE id='{id}'",
};

const LARAVEL: Owner = Owner { name: "laravel", ddl: tables::LARAVEL, ..USERFROSTING };

const PROCESSWIRE: Owner = Owner {
    name: "processwire",
    ddl: tables::PROCESSWIRE,
    options: "&lifetime=3600",
    insert: "INSERT INTO sessions (id,user_id,pages_id,data,ts,ip,ua) \
             VALUES ('{id}',41,1,x'{payload}',FROM_UNIXTIME({used}),1,'x')",
    select: "SELECT data,UNIX_TIMESTAMP(ts) FROM sessions WHERE id='{id}'",
};

const SYMFONY: Owner = Owner {
    name: "symfony",
    ddl: tables::SYMFONY,
    options: "",
    insert: "INSERT INTO sessions VALUES ('{id}',x'{payload}',{used}+3600,{used})",
    select: "SELECT sess_data,sess_lifetime-3600 FROM sessions WHERE sess_id='{id}'",
};

const OWNERS: [Owner; 4] = [USERFROSTING, LARAVEL, PROCESSWIRE, SYMFONY];

/// A session string that is valid text, as ProcessWire's column takes it.
const PAYLOAD: &[u8] = "Session|a:1:{s:5:\"_user\";a:1:{s:2:\"id\";s:5:\"'\\Ж\\'\";}}".as_bytes();

struct Place {
    store: Mysql,
    url: String,
    database: String,
    server: Arc<Mariadb>,
    owner: Owner,
}

fn place(owner: Owner) -> Place {
    let server = Mariadb::shared();
    let database = server.database();
    let mut root = server.root();
    root.query_drop(format!("USE {database}")).unwrap();
    root.query_drop(owner.ddl).unwrap();
    let url = url(server.port(), &database, owner.options);
    Place { store: machine(&url), url, database, server, owner }
}

impl Place {
    fn owner(&self) -> mysql::Conn {
        let mut owner = self.server.root();
        // Not the zone that rustdb works in.
        owner.query_drop(format!("USE {}; SET time_zone='+05:30'", self.database)).unwrap();
        owner
    }

    fn insert(&self, name: &str, payload: &[u8], used: i64) {
        let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let sql = self.owner.insert.replace("{id}", name).replace("{payload}", &hex);
        self.owner().query_drop(sql.replace("{used}", &used.to_string())).unwrap();
    }

    fn select(&self, name: &str) -> Option<(Vec<u8>, i64)> {
        self.owner().query_first(self.owner.select.replace("{id}", name)).unwrap()
    }

    fn count(&self) -> usize {
        self.owner().query_first("SELECT COUNT(*) FROM sessions").unwrap().unwrap()
    }
}

#[test]
fn what_the_owner_wrote_is_read_and_what_is_written_the_owner_reads() {
    for at in OWNERS.map(place) {
        let name = at.owner.name;
        let used = now() - 100;
        at.insert("theirs", PAYLOAD, used);
        match at.store.begin(id("theirs"), Access::ReadOnly, None).unwrap().found {
            Found::Record(record) => {
                assert_eq!((name, record.payload.as_ref()), (name, PAYLOAD));
                assert_eq!((name, record.expires), (name, Expiry(used + LIFETIME)));
            }
            other => panic!("{name}: {other:?}"),
        }
        let expires = in_an_hour();
        let used = expires.0 - LIFETIME;
        write(&at.store, "ours", PAYLOAD, expires);
        assert_eq!((name, at.select("ours")), (name, Some((PAYLOAD.to_vec(), used))));
        write(&at.store, "theirs", b"changed", expires);
        assert_eq!((name, at.select("theirs")), (name, Some((b"changed".to_vec(), used))));
    }
}

#[test]
fn sessions_live_and_end_as_in_a_table_of_our_own() {
    for at in OWNERS.map(place) {
        let (name, store) = (at.owner.name, &at.store);
        let change = |what: &str, change: Change<'_>| commit(store, what, change, begin(store, what).lease);
        let record = Record::new(PAYLOAD, in_an_hour());
        assert_eq!((name, change("a", Change::Touch(in_an_hour(), &Visitor::UNKNOWN))), (name, Committed::Gone));
        drop(begin(&machine(&at.url), "b"));
        write(store, "b", PAYLOAD, Expiry(now() + 10));
        let later = now() + 500;
        assert_eq!((name, change("b", Change::Touch(Expiry(later), &Visitor::UNKNOWN))), (name, Committed::Done));
        assert_eq!(at.select("b").unwrap().1, later - LIFETIME);
        let held = begin(store, "b");
        at.owner().query_drop("DELETE FROM sessions").unwrap();
        assert_eq!((name, commit(store, "b", Change::Write(&record), held.lease)), (name, Committed::Ended));
        assert_eq!((name, read(store, "b")), (name, None));
        // Expired, and written over.
        at.insert("c", PAYLOAD, now() - LIFETIME - 5);
        assert_eq!((name, read(store, "c")), (name, None));
        write(store, "c", b"new", in_an_hour());
        assert_eq!((name, read(store, "c")), (name, Some(b"new".to_vec())));
        let fresh = store.begin(id("c"), Access::Fresh, None).unwrap();
        assert_eq!((name, commit(store, "c", Change::Write(&record), fresh.lease)), (name, Committed::Collision));
        at.insert("d", PAYLOAD, now() - LIFETIME - 5);
        let fresh = store.begin(id("d"), Access::Fresh, None).unwrap();
        assert_eq!((name, commit(store, "d", Change::Write(&record), fresh.lease)), (name, Committed::Done));
        assert_eq!((name, change("d", Change::Destroy)), (name, Committed::Done));
        assert_eq!((name, at.count()), (name, 1));
    }
}

#[test]
fn a_batch_is_brought_into_any_table() {
    for at in OWNERS.map(place) {
        at.insert("changed", PAYLOAD, now() - 100);
        at.insert("ended", PAYLOAD, now() - 100);
        at.insert("ended2", PAYLOAD, now() - 100);
        let mut changes = vec![];
        for name in ["new", "changed"] {
            let mut encoded = vec![0; entry::HEADER + 1];
            entry::encode_session(id(name), &Record::new(b"x".as_slice(), in_an_hour()), &mut encoded);
            changes.push((id(name), encoded));
        }
        changes.push((id("ended"), entry::encode_tombstone(id("ended")).to_vec()));
        changes.push((id("ended2"), entry::encode_tombstone(id("ended2")).to_vec()));
        at.store.apply(&mut changes.iter().map(|(id, entry)| (*id, entry.as_slice()))).unwrap();
        assert_eq!((at.owner.name, at.count()), (at.owner.name, 2));
        for name in ["new", "changed"] {
            assert_eq!(read(&at.store, name), Some(b"x".to_vec()));
        }
    }
}

#[test]
fn garbage_is_collected_in_bounded_pieces_with_an_index_and_without() {
    for at in OWNERS.map(place) {
        let now = now();
        at.insert("seed", b"x", now - LIFETIME - 5);
        let name = if at.owner.name == "symfony" { "sess_id" } else { "id" };
        let mut owner = at.owner();
        owner.query_drop("CREATE TABLE seed AS SELECT * FROM sessions").unwrap();
        owner.query_drop(format!("ALTER TABLE seed DROP {name}")).unwrap();
        let seed = "table_schema=DATABASE() AND table_name='seed'";
        let columns: Vec<String> =
            owner.query(format!("SELECT column_name FROM information_schema.columns WHERE {seed}")).unwrap();
        let columns = columns.join(",");
        let many = format!("SELECT CONCAT('s',seq),{columns} FROM seed,{}", numbers(1500));
        owner.query_drop(format!("INSERT INTO sessions ({name},{columns}) {many}")).unwrap();
        for number in 0..20 {
            at.insert(&format!("z{number}"), b"x", now);
        }
        let (mut collected, mut kept, mut sweeps) = (0, 0, 0);
        loop {
            let swept = at.store.sweep(now, 400, kept, &mut |id| id.as_bytes() != b"s7").unwrap();
            assert!(swept.collected + swept.kept <= 400);
            collected += swept.collected;
            kept += swept.kept as usize;
            sweeps += 1;
            if !swept.more {
                break;
            }
        }
        assert_eq!((at.owner.name, collected, kept), (at.owner.name, 1500, 1));
        assert!(sweeps >= 4);
        assert_eq!(at.count(), 21);
    }
}

#[test]
fn ids_that_a_collation_takes_for_equal_are_kept_apart() {
    for at in [USERFROSTING, LARAVEL, PROCESSWIRE].map(place) {
        let name = at.owner.name;
        at.insert("abc", PAYLOAD, now());
        assert_eq!((name, read(&at.store, "ABC")), (name, None));
        let held = begin(&at.store, "ABC");
        let record = Record::new(b"mine".as_slice(), in_an_hour());
        let error = at.store.commit(id("ABC"), Change::Write(&record), held.lease).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("differ in case"), "{error}");
        assert_eq!(commit(&at.store, "ABC", Change::Destroy, begin(&at.store, "ABC").lease), Committed::Done);
        let fresh = at.store.begin(id("ABC"), Access::Fresh, None).unwrap();
        assert_eq!(commit(&at.store, "ABC", Change::Write(&record), fresh.lease), Committed::Collision);
        let tombstone = entry::encode_tombstone(id("ABC"));
        at.store.apply(&mut [(id("ABC"), tombstone.as_slice())].into_iter()).unwrap();
        assert_eq!((name, read(&at.store, "abc")), (name, Some(PAYLOAD.to_vec())));
    }
}

#[test]
fn what_a_column_would_cut_is_refused_and_the_last_state_stays() {
    let cases: [(Owner, Vec<u8>, &str); 4] = [
        (USERFROSTING, vec![b'x'; 49_153], "49153 bytes"),
        (SYMFONY, vec![b'x'; 65_536], "65536 bytes"),
        // No valid text.
        (PROCESSWIRE, vec![b'a', 0xff, b'b'], "cannot keep"),
        // Four bytes a character, where utf8 takes three.
        (PROCESSWIRE, "a😀".as_bytes().to_vec(), "cannot keep"),
    ];
    for (owner, bytes, said) in cases {
        let at = place(owner);
        write(&at.store, "a", PAYLOAD, in_an_hour());
        let held = begin(&at.store, "a");
        let record = Record::new(bytes, in_an_hour());
        let error = at.store.commit(id("a"), Change::Write(&record), held.lease).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(payload(begin(&machine(&at.url), "a").found).as_deref(), Some(PAYLOAD));
    }
    let at = place(PROCESSWIRE);
    let long = "x".repeat(33);
    let held = begin(&at.store, &long);
    let record = Record::new(PAYLOAD, in_an_hour());
    let error = at.store.commit(id(&long), Change::Write(&record), held.lease).unwrap_err();
    assert!(error.to_string().contains("session.sid_length"), "{error}");
}

#[test]
fn the_largest_session_that_fits_is_kept() {
    for (owner, bytes) in [(USERFROSTING, 49_149), (SYMFONY, 65_535)] {
        let at = place(owner);
        write(&at.store, "a", &vec![b'x'; bytes], in_an_hour());
        assert_eq!(read(&at.store, "a").map(|payload| payload.len()), Some(bytes));
    }
}

#[test]
fn old_rows_of_symfony_have_a_lifetime_in_place_of_an_expiry() {
    let at = place(SYMFONY);
    let sql = format!("INSERT INTO sessions VALUES ('old','x',1440,{}),('older','x',1440,{})", now(), now() - 1500);
    at.owner().query_drop(sql).unwrap();
    assert_eq!(read(&at.store, "old"), Some(b"x".to_vec()));
    assert_eq!(read(&at.store, "older"), None);
    assert_eq!(at.store.sweep(now(), 10, 0, &mut |_| true).unwrap().collected, 1);
    assert_eq!(read(&at.store, "old"), Some(b"x".to_vec()));
}

#[test]
fn a_table_that_counts_from_the_last_use_needs_a_lifetime() {
    let at = place(USERFROSTING);
    let error = machine(&at.url.replace("&lifetime=3600", "")).begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("lifetime=SECONDS"), "{error}");
}

#[test]
fn a_layout_that_is_named_has_to_be_there() {
    let at = place(SYMFONY);
    write(&machine(&format!("{}&layout=symfony", at.url)), "a", PAYLOAD, in_an_hour());
    for layout in ["rustdb", "userfrosting", "processwire"] {
        let url = format!("{}&layout={layout}&lifetime=60", at.url);
        let error = machine(&url).begin(id("a"), Access::Exclusive, None).unwrap_err();
        assert!(error.to_string().contains("is not one that rustdb knows"), "{error}");
    }
    let missing = at.url.replace("table=sessions", "table=nothing") + "&layout=symfony";
    let error = machine(&missing).begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert!(error.to_string().contains("has no table nothing"), "{error}");
}

#[test]
fn machines_take_turns_in_any_table() {
    for at in OWNERS.map(place) {
        let other = machine(&at.url);
        write(&at.store, "a", b"1", in_an_hour());
        let held = begin(&at.store, "a");
        let waiting = std::thread::spawn(move || payload(begin(&other, "a").found));
        let mut root = at.server.root();
        let waiting_there = "SELECT COUNT(*) FROM information_schema.processlist WHERE state='User lock'";
        let waiting_there = format!("{waiting_there} AND db='{}'", at.database);
        wait_until("the other machine waits", || root.query_first::<u64, _>(&waiting_there).unwrap() == Some(1));
        let record = Record::new(b"2".as_slice(), in_an_hour());
        assert_eq!(commit(&at.store, "a", Change::Write(&record), held.lease), Committed::Done);
        assert_eq!(waiting.join().unwrap().as_deref(), Some(b"2".as_slice()));
        // A lost connection changes nothing here either.
        let held = begin(&at.store, "b");
        at.server.kill_connections(&at.database);
        assert_eq!(commit(&at.store, "b", Change::Write(&record), held.lease), Committed::LeaseLost);
        assert_eq!(read(&at.store, "b"), None);
    }
}
