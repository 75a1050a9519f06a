//! Who uses a session, in the columns of each table: what stands there after what, and who is found by it.
//!
//! The tables are made by the statements of their owners, as in `mysql_layouts.rs`.

mod contract_support;
mod mysql_support;

use std::sync::Arc;

use contract_support::{id, in_an_hour, read};
use mysql::prelude::Queryable;
use mysql_support::product::Product;
use mysql_support::{Mariadb, begin, commit, machine, numbers, url};
use rustdb_core::backend::mysql::Mysql;
use rustdb_core::entry;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Batch, ByUser, Change, Committed, Lease, Listed, Store, Whose};
use rustdb_core::visitor::{MAX_AGENT, User, Visitor};

/// A kind of table: its columns for user, address and browser, and what they have where there is nothing to tell.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    ddl: &'static str,
    options: &'static str,
    columns: [&'static str; 3],
    nothing: [Option<&'static str>; 3],
}

const OWN: Kind = Kind {
    name: "rustdb",
    ddl: rustdb_core::backend::mysql::DDL,
    options: "",
    columns: ["user_id", "ip", "user_agent"],
    nothing: [None; 3],
};

const USERFROSTING: Kind = Kind {
    name: "userfrosting",
    ddl: "CREATE TABLE sessions (id varchar(255) NOT NULL, user_id int NULL, ip_address varchar(45) NULL, \
          user_agent text NULL, payload text NOT NULL, last_activity int NOT NULL, UNIQUE sessions_id_unique (id)) \
          DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
    options: "&lifetime=3600",
    columns: ["user_id", "ip_address", "user_agent"],
    nothing: [None; 3],
};

const LARAVEL: Kind = Kind {
    name: "laravel",
    ddl: "CREATE TABLE sessions (id varchar(255) NOT NULL PRIMARY KEY, user_id bigint unsigned NULL, \
          ip_address varchar(45) NULL, user_agent text NULL, payload longtext NOT NULL, last_activity int NOT NULL, \
          INDEX sessions_user_id_index (user_id), INDEX sessions_last_activity_index (last_activity)) \
          DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
    ..USERFROSTING
};

const PROCESSWIRE: Kind = Kind {
    name: "processwire",
    ddl: "CREATE TABLE sessions (id char(32) NOT NULL, user_id int unsigned NOT NULL, pages_id int unsigned NOT NULL, \
          data mediumtext NOT NULL, ts timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, \
          ip int unsigned NOT NULL DEFAULT 0, ua varchar(250) NOT NULL DEFAULT '', PRIMARY KEY (id), \
          INDEX pages_id (pages_id), INDEX user_id (user_id), INDEX ts (ts)) ENGINE=InnoDB DEFAULT CHARSET=utf8",
    options: "&lifetime=3600",
    columns: ["user_id", "ip", "ua"],
    nothing: [Some("0"), Some("0"), Some("")],
};

const SYMFONY: Kind = Kind {
    name: "symfony",
    ddl: "CREATE TABLE sessions (sess_id VARBINARY(128) NOT NULL PRIMARY KEY, sess_data BLOB NOT NULL, \
          sess_lifetime INTEGER UNSIGNED NOT NULL, sess_time INTEGER UNSIGNED NOT NULL, \
          INDEX sess_lifetime_idx (sess_lifetime)) COLLATE utf8mb4_bin, ENGINE = InnoDB",
    options: "",
    columns: ["NULL", "NULL", "NULL"],
    nothing: [None; 3],
};

const KINDS: [Kind; 4] = [OWN, USERFROSTING, LARAVEL, PROCESSWIRE];

struct Place {
    store: Mysql,
    database: String,
    server: Arc<Mariadb>,
    kind: Kind,
}

fn place(kind: Kind) -> Place {
    place_with(kind, "")
}

/// `more`: options of the store.
fn place_with(kind: Kind, more: &str) -> Place {
    let server = Mariadb::shared();
    let database = server.database();
    let mut root = server.root();
    root.query_drop(format!("USE {database}")).unwrap();
    root.query_drop(kind.ddl).unwrap();
    let url = url(server.port(), &database, &format!("{}{more}", kind.options));
    Place { store: machine(&url), database, server, kind }
}

type Fields = [Option<String>; 3];

fn fields(user: Option<&str>, ip: Option<&str>, agent: Option<&str>) -> Fields {
    [user, ip, agent].map(|field| field.map(str::to_owned))
}

impl Place {
    fn sql(&self, sql: &str) {
        let mut root = self.server.root();
        root.query_drop(format!("USE {}", self.database)).unwrap();
        root.query_drop(sql).unwrap();
    }

    /// What stands in a row of the visitor.
    fn row(&self, name: &str) -> Fields {
        let columns = self.kind.columns.map(|column| format!("CAST({column} AS CHAR)")).join(",");
        let sql = format!("SELECT {columns} FROM {}.sessions WHERE id='{name}'", self.database);
        let row: (Option<String>, Option<String>, Option<String>) =
            self.server.root().query_first(sql).unwrap().unwrap();
        row.into()
    }

    /// What stands there where this is known, an address as the column has it.
    fn told(&self, user: Option<&str>, ip: Option<&str>, agent: Option<&str>) -> Fields {
        let ip = ip.map(|ip| match (self.kind.name, ip.parse()) {
            ("processwire", Ok(address)) => u32::from_be_bytes(std::net::Ipv4Addr::octets(&address)).to_string(),
            ("processwire", Err(_)) => "0".to_owned(),
            _ => ip.to_owned(),
        });
        let mut row = self.nothing();
        for (field, told) in row.iter_mut().zip([user.map(str::to_owned), ip, agent.map(str::to_owned)]) {
            *field = told.or_else(|| field.take());
        }
        row
    }

    fn nothing(&self) -> Fields {
        self.kind.nothing.map(|nothing| nothing.map(str::to_owned))
    }

    fn write(&self, name: &str, visitor: &Visitor<'_>) {
        let record = record(visitor, in_an_hour());
        let begun = begin(&self.store, name);
        assert_eq!(commit(&self.store, name, Change::Write(&record), begun.lease), Committed::Done);
    }

    fn touch(&self, name: &str, visitor: &Visitor<'_>) {
        let begun = begin(&self.store, name);
        let touch = Change::Touch(Expiry(now() + 3000), visitor);
        assert_eq!(commit(&self.store, name, touch, begun.lease), Committed::Done);
    }

    fn expire(&self, name: &str) {
        let change = match self.kind.name {
            "rustdb" => "expires=1",
            "processwire" => "ts=FROM_UNIXTIME(1000)",
            _ => "last_activity=1",
        };
        self.sql(&format!("UPDATE sessions SET {change} WHERE id='{name}'"));
    }

    fn listed(&self, user: &str) -> Vec<Listed> {
        let whose = Whose { user, now: now(), limit: 100, is_theirs: &|_| panic!("the table tells") };
        let mut listed = self.store.of_user(whose).unwrap();
        listed.sort_by(|one, other| one.id.cmp(&other.id));
        listed
    }

    fn of(&self, user: &str) -> Vec<String> {
        self.listed(user).iter().map(|listed| String::from_utf8(listed.id.to_vec()).unwrap()).collect()
    }

    fn apply(&self, rows: &[(&str, &Visitor<'_>)]) {
        let encode = |name: &str, visitor: &Visitor<'_>| {
            let record = record(visitor, in_an_hour());
            let mut encoded = vec![0; entry::HEADER + record.payload.len() + visitor.as_bytes().len()];
            entry::encode_session(id(name), &record, &mut encoded);
            encoded
        };
        let changes: Vec<_> = rows.iter().map(|(name, visitor)| (id(name), encode(name, visitor))).collect();
        self.store.apply(&mut changes.iter().map(|(id, entry)| (*id, entry.as_slice()))).unwrap();
    }
}

fn record<'v>(visitor: &Visitor<'v>, expires: Expiry) -> Record<'v> {
    Record { visitor: visitor.clone(), ..Record::new(b"Session|i:1;".as_slice(), expires) }
}

fn user(name: &str) -> User<'_> {
    User::Is(name.into())
}

fn visitor(user: &User<'_>, ip: &str, agent: &str) -> Visitor<'static> {
    Visitor::new(user, Some(ip), Some(agent.as_bytes()))
}

fn only(user: &User<'_>) -> Visitor<'static> {
    Visitor::new(user, None, None)
}

#[test]
fn a_row_tells_who_used_its_session_last() {
    for lock in ["&lock=advisory", "&lock=lease"] {
        for at in KINDS.map(|kind| place_with(kind, lock)) {
            let name = at.kind.name;
            at.write("a", &visitor(&User::Nobody, "192.0.2.7", "Mozilla/5.0"));
            assert_eq!((name, at.row("a")), (name, at.told(None, Some("192.0.2.7"), Some("Mozilla/5.0"))));
            // Logged in.
            at.write("a", &visitor(&user("41"), "192.0.2.7", "Mozilla/5.0"));
            assert_eq!((name, at.row("a")), (name, at.told(Some("41"), Some("192.0.2.7"), Some("Mozilla/5.0"))));
            assert_eq!((name, at.of("41")), (name, vec!["a".to_owned()]));
            // From elsewhere, without a change.
            at.touch("a", &visitor(&user("41"), "198.51.100.9", "curl/8"));
            assert_eq!((name, at.row("a")), (name, at.told(Some("41"), Some("198.51.100.9"), Some("curl/8"))));
            // What is not known stays.
            at.touch("a", &Visitor::UNKNOWN);
            at.write("a", &Visitor::UNKNOWN);
            at.write("a", &Visitor::new(&User::Unknown, None, Some(b"curl/9")));
            assert_eq!((name, at.row("a")), (name, at.told(Some("41"), Some("198.51.100.9"), Some("curl/9"))));
            // As somebody else, and logged out.
            at.write("a", &only(&user("4")));
            assert_eq!((name, at.row("a")), (name, at.told(Some("4"), Some("198.51.100.9"), Some("curl/9"))));
            assert_eq!((name, at.of("41")), (name, vec![]));
            at.touch("a", &only(&User::Nobody));
            assert_eq!((name, at.row("a")), (name, at.told(None, Some("198.51.100.9"), Some("curl/9"))));
            assert_eq!((name, at.of("4")), (name, vec![]));
            // One of whom nothing is known, and one that is made while nobody else may have it.
            at.write("b", &Visitor::UNKNOWN);
            assert_eq!((name, at.row("b")), (name, at.nothing()));
            let made = record(&visitor(&user("7"), "192.0.2.7", "x"), in_an_hour());
            let lease = at.store.create(id("c"), &made).unwrap().unwrap();
            assert_eq!(commit(&at.store, "c", Change::None, lease), Committed::Done);
            assert_eq!((name, at.row("c")), (name, at.told(Some("7"), Some("192.0.2.7"), Some("x"))));
        }
    }
}

#[test]
fn an_address_of_ipv6_stands_where_there_is_room_for_one() {
    let longest = "2001:db8:1111:2222:3333:4444:255.255.255.255";
    for at in KINDS.map(place) {
        let name = at.kind.name;
        at.write("a", &visitor(&user("41"), "192.0.2.7", "x"));
        for ip in ["2001:db8::17", longest, "::"] {
            at.touch("a", &visitor(&user("41"), ip, "x"));
            assert_eq!((name, at.row("a")), (name, at.told(Some("41"), Some(ip), Some("x"))));
        }
        let listed = at.listed("41");
        assert_eq!((name, listed[0].visitor.ip()), (name, (name != "processwire").then_some("::")));
        at.touch("a", &visitor(&user("41"), "::ffff:192.0.2.7", "x"));
        let ip = if name == "processwire" { "192.0.2.7" } else { "::ffff:192.0.2.7" };
        assert_eq!((name, at.row("a")), (name, at.told(Some("41"), Some(ip), Some("x"))));
    }
}

#[test]
fn a_hostile_browser_is_kept_as_text_and_does_nothing() {
    let long = "A'\"\\`".repeat(2000);
    for at in KINDS.map(place) {
        for agent in [
            b"',payload='x' WHERE 1;DROP TABLE sessions;-- ".as_slice(),
            b"\\' \\\\ \" ` /* */ # \0 %s ${x}",
            b"\xff\xc3\x28\xed\xa0\x80",
            long.as_bytes(),
            b"",
        ] {
            let visitor = Visitor::new(&user("41"), Some("192.0.2.7"), Some(agent));
            let kept = visitor.agent().unwrap();
            assert!(kept.len() <= MAX_AGENT);
            at.write("a", &visitor);
            let row = at.told(Some("41"), Some("192.0.2.7"), Some(kept));
            assert_eq!((at.kind.name, at.row("a")), (at.kind.name, row));
            assert_eq!(read(&at.store, "a").as_deref(), Some(b"Session|i:1;".as_slice()));
            assert_eq!(at.listed("41")[0].visitor.agent(), Some(kept).filter(|kept| !kept.is_empty()));
        }
    }
}

#[test]
fn users_of_our_own_table_have_any_name_and_are_kept_apart() {
    let at = place(OWN);
    let longest = "x".repeat(191);
    let names =
        ["anna", "Anna", "anna ", "ännä", "😀", "'; DROP TABLE sessions; --", "\\", "%", "041", "41", "-1", &longest];
    for (number, name) in names.iter().enumerate() {
        at.write(&format!("s{number}"), &only(&user(name)));
    }
    for (number, name) in names.iter().enumerate() {
        assert_eq!((*name, at.of(name)), (*name, vec![format!("s{number}")]));
        assert_eq!(at.row(&format!("s{number}"))[0].as_deref(), Some(*name));
    }
    assert!(at.of("ANNA").is_empty());
    assert!(at.of("nobody").is_empty());
}

#[test]
fn a_user_who_is_no_number_of_the_column_is_nobody_there() {
    for at in [USERFROSTING, LARAVEL, PROCESSWIRE].map(place) {
        let name = at.kind.name;
        let most = match name {
            "laravel" => u64::MAX,
            "processwire" => u32::MAX.into(),
            _ => i32::MAX as u64,
        };
        let over = (u128::from(most) + 1).to_string();
        for none in ["anna", "041", "41x", "4e1", "0x29", " 41", "99999999999999999999999999", "1' OR '1", &over] {
            at.write("a", &visitor(&user("41"), "192.0.2.7", "x"));
            at.write("a", &only(&user(none)));
            assert_eq!((none, at.row("a")), (none, at.told(None, Some("192.0.2.7"), Some("x"))), "{name}");
            assert!(at.of(none).is_empty(), "{none}");
            at.write(&format!("new{}", none.len()), &only(&user(none)));
        }
        at.write("a", &only(&user(&most.to_string())));
        assert_eq!((name, at.of(&most.to_string())), (name, vec!["a".to_owned()]));
        assert_eq!(at.row("a")[0], Some(most.to_string()));
    }
}

/// Laravel's table for users with names of this type.
fn place_of_names(kind: &str) -> Place {
    let at = place(LARAVEL);
    at.sql(&format!("ALTER TABLE sessions DROP INDEX sessions_user_id_index, DROP COLUMN user_id, ADD user_id {kind}"));
    at
}

#[test]
fn users_with_names_are_told_apart_whatever_a_collation_takes_for_equal() {
    for kind in [
        "varchar(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NULL",
        "varchar(191) CHARACTER SET latin1 COLLATE latin1_german1_ci NULL",
        "varchar(191) CHARACTER SET utf16 NULL",
        "text CHARACTER SET utf8mb3 NULL",
        "varbinary(191) NULL",
    ] {
        let at = place_of_names(kind);
        for (session, name) in [("a", "anna"), ("b", "ANNA"), ("c", "ännä"), ("d", "anna ")] {
            at.write(session, &only(&user(name)));
        }
        for (session, name) in [("a", "anna"), ("b", "ANNA"), ("c", "ännä"), ("d", "anna ")] {
            assert_eq!((kind, at.of(name)), (kind, vec![session.to_owned()]), "{name}");
        }
        assert!(at.of("Anna").is_empty());
    }
}

#[test]
fn a_name_that_a_column_does_not_take_is_nobody_there() {
    for (kind, taken, not) in [
        ("varchar(5) CHARACTER SET utf8mb4 NULL", "😀😀😀😀😀", "annas brother"),
        ("varchar(9) CHARACTER SET utf8mb3 NULL", "Анна", "😀"),
        ("varchar(9) CHARACTER SET latin1 NULL", "Müller €", "Анна"),
        ("varchar(9) CHARACTER SET ascii NULL", "anna", "ännä"),
        ("varchar(9) CHARACTER SET cp1251 NULL", "anna", "Анна"),
        ("char(9) CHARACTER SET utf8mb4 NULL", "anna", "anna "),
        ("varbinary(5) NULL", "änn", "ännä"),
        ("date NULL", "", "2026-01-01"),
    ] {
        let at = place_of_names(kind);
        for name in [taken, not].into_iter().filter(|name| !name.is_empty()) {
            at.write("a", &only(&user(name)));
            let there = (name == taken).then_some(name);
            if !kind.starts_with("date") {
                assert_eq!((kind, at.of(name).len()), (kind, usize::from(name == taken)), "{name}");
                let sql = format!("SELECT CONVERT(user_id USING utf8mb4) FROM {}.sessions", at.database);
                let found: Option<Option<String>> = at.server.root().query_first(sql).unwrap();
                assert_eq!((kind, found.unwrap().as_deref()), (kind, there));
            }
        }
        assert!(read(&at.store, "a").is_some());
    }
}

#[test]
fn users_with_uuids_are_found_in_a_column_of_their_type() {
    if matches!(Product::chosen(), Product::Mysql(_)) {
        return; // It is a type of MariaDB's.
    }
    let at = place_of_names("uuid NULL");
    let uuid = "0192f0c1-2d3e-7f4a-8b5c-6d7e8f901a2b";
    at.write("a", &only(&user(uuid)));
    at.write("b", &only(&user("0192f0c1-2d3e-7f4a-8b5c-6d7e8f901a2c")));
    assert_eq!(at.of(uuid), ["a"]);
    assert_eq!(at.row("a")[0].as_deref(), Some(uuid));
    for none in ["41", &uuid.to_uppercase(), &uuid.replace('-', ""), &format!("{uuid}0")] {
        at.write("b", &only(&user(none)));
        assert_eq!((none, at.row("b")), (none, at.nothing()));
        assert!(at.of(none).is_empty());
    }
}

#[test]
fn short_columns_have_what_fits() {
    let at = place(LARAVEL);
    at.sql("ALTER TABLE sessions MODIFY ip_address varchar(15) NULL, MODIFY user_agent varchar(7) NOT NULL");
    at.write("a", &visitor(&user("41"), "192.0.2.7", "Mozilla/5.0"));
    assert_eq!(at.row("a"), fields(Some("41"), Some("192.0.2.7"), Some("Mozilla")));
    at.touch("a", &visitor(&user("41"), "2001:db8:1234::5678", "x"));
    assert_eq!(at.row("a"), fields(Some("41"), None, Some("x")));
    at.write("b", &Visitor::UNKNOWN);
    assert_eq!(at.row("b"), fields(None, None, Some("")));
}

#[test]
fn the_table_of_processwire_need_not_have_address_and_browser() {
    let at = place(PROCESSWIRE);
    at.sql("ALTER TABLE sessions DROP ip, DROP ua");
    at.write("a", &visitor(&user("41"), "192.0.2.7", "x"));
    at.touch("a", &visitor(&user("42"), "192.0.2.8", "x"));
    let listed = at.listed("42");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].visitor, only(&user("42")));
    at.expire("a");
    at.write("a", &Visitor::UNKNOWN);
    assert!(at.of("42").is_empty());
}

#[test]
fn what_the_server_computes_or_another_table_limits_is_left_to_the_owner() {
    let computed = place(LARAVEL);
    computed.sql("ALTER TABLE sessions DROP ip_address, ADD ip_address varchar(45) AS (LEFT(user_agent,4)) VIRTUAL");
    computed.write("a", &visitor(&user("41"), "192.0.2.7", "Mozilla/5.0"));
    computed.expire("a");
    computed.write("a", &visitor(&user("42"), "192.0.2.7", "Opera"));
    assert_eq!(computed.row("a"), fields(Some("42"), Some("Oper"), Some("Opera")));
    // A user who was deleted is not there to be referred to, and has a session that goes on nevertheless.
    let limited = place(LARAVEL);
    limited.sql("CREATE TABLE users (id bigint unsigned NOT NULL PRIMARY KEY); INSERT INTO users VALUES (41)");
    limited.sql("ALTER TABLE sessions ADD FOREIGN KEY (user_id) REFERENCES users (id)");
    limited.write("a", &visitor(&user("7"), "192.0.2.7", "x"));
    assert_eq!(limited.row("a"), fields(None, Some("192.0.2.7"), Some("x")));
    limited.sql("UPDATE sessions SET user_id=41");
    limited.touch("a", &visitor(&user("7"), "192.0.2.8", "x"));
    assert_eq!(limited.of("41"), ["a"]);
    limited.expire("a");
    limited.write("a", &only(&user("41")));
    assert_eq!(limited.row("a"), fields(None, None, None));
}

#[test]
fn a_batch_writes_of_each_row_what_is_known_of_its_visitor() {
    for at in KINDS.map(place) {
        let name = at.kind.name;
        let everything = visitor(&user("41"), "192.0.2.7", "Mozilla/5.0");
        let agent = Visitor::new(&User::Unknown, None, Some(b"curl/8"));
        for (session, there) in [("old1", true), ("old2", true), ("over1", false), ("over2", false)] {
            at.write(session, &visitor(&user("7"), "198.51.100.9", "old"));
            if !there {
                at.expire(session);
            }
        }
        at.apply(&[
            ("new1", &everything),
            ("old1", &Visitor::UNKNOWN),
            ("new2", &Visitor::UNKNOWN),
            ("old2", &agent),
            ("new3", &only(&user("41"))),
            ("over1", &Visitor::UNKNOWN),
            ("new4", &everything),
            ("over2", &agent),
            ("new5", &only(&User::Nobody)),
            ("new6", &only(&user("'\\\"--"))),
            // The last word on an id stays the last.
            ("new1", &only(&user("42"))),
        ]);
        let rows = [
            ("new1", at.told(Some("42"), Some("192.0.2.7"), Some("Mozilla/5.0"))),
            ("new2", at.nothing()),
            ("new3", at.told(Some("41"), None, None)),
            ("new4", at.told(Some("41"), Some("192.0.2.7"), Some("Mozilla/5.0"))),
            ("new5", at.nothing()),
            ("new6", at.told((name == "rustdb").then_some("'\\\"--"), None, None)),
            ("old1", at.told(Some("7"), Some("198.51.100.9"), Some("old"))),
            ("old2", at.told(Some("7"), Some("198.51.100.9"), Some("curl/8"))),
            ("over1", at.nothing()),
            ("over2", at.told(None, None, Some("curl/8"))),
        ];
        for (session, row) in rows {
            assert_eq!((name, session, at.row(session)), (name, session, row));
            assert_eq!(read(&at.store, session).as_deref(), Some(b"Session|i:1;".as_slice()));
        }
        assert_eq!((name, at.of("41")), (name, vec!["new3".to_owned(), "new4".to_owned()]));
        assert_eq!((name, at.of("7")), (name, vec!["old1".to_owned(), "old2".to_owned()]));
    }
}

#[test]
fn who_takes_the_row_of_an_expired_session_has_nothing_of_the_one_before() {
    for at in KINDS.map(place) {
        let name = at.kind.name;
        let agent = Visitor::new(&User::Unknown, None, Some(b"curl/8"));
        for now_there in [&visitor(&user("7"), "198.51.100.9", "curl/8"), &agent, &Visitor::UNKNOWN] {
            let user_now = match now_there.user() {
                User::Is(user) => Some(user.into_owned()),
                _ => None,
            };
            let row = at.told(user_now.as_deref(), now_there.ip(), now_there.agent());
            for way in ["locked", "new"] {
                at.write("a", &visitor(&user("41"), "192.0.2.7", "Mozilla/5.0"));
                at.expire("a");
                assert_eq!((name, at.of("41")), (name, vec![]));
                match way {
                    "locked" => at.write("a", now_there),
                    _ => {
                        let fresh = at.store.begin(id("a"), Access::Fresh, None).unwrap();
                        let record = record(now_there, in_an_hour());
                        assert_eq!(commit(&at.store, "a", Change::Write(&record), fresh.lease), Committed::Done);
                    }
                }
                assert_eq!((name, way, at.row("a")), (name, way, row.clone()));
            }
        }
    }
}

#[test]
fn rows_that_the_owner_filled_in_are_found_too() {
    for at in KINDS.map(place) {
        let name = at.kind.name;
        at.write("a", &Visitor::UNKNOWN);
        at.write("b", &Visitor::UNKNOWN);
        let [user_id, ip, agent] = at.kind.columns;
        let address = if name == "processwire" { "INET_ATON('192.0.2.17')" } else { "'192.0.2.17'" };
        at.sql(&format!("UPDATE sessions SET {user_id}=41,{ip}={address},{agent}='Ж' WHERE id='a'"));
        let listed = at.listed("41");
        assert_eq!((name, listed.len()), (name, 1));
        assert_eq!(*listed[0].id, *b"a");
        assert_eq!((name, listed[0].visitor.ip()), (name, Some("192.0.2.17")));
        assert_eq!((name, listed[0].visitor.agent()), (name, Some("??")));
        assert!((now() + 3590..now() + 3610).contains(&listed[0].expires.0));
    }
}

#[test]
fn in_a_table_without_users_the_sessions_tell_themselves() {
    let at = place(SYMFONY);
    at.write("a", &visitor(&user("41"), "192.0.2.7", "x"));
    at.touch("a", &visitor(&user("41"), "192.0.2.7", "x"));
    let payloads =
        [("x", "user|i:41;", 3600), ("y", "user|i:4;", 3600), ("z", "n|i:41;", 3600), ("over", "user|i:41;", -9)];
    for (name, payload, left) in payloads {
        at.sql(&format!("INSERT INTO sessions VALUES ('{name}','{payload}',{},{0})", now() + left));
    }
    // More than are looked into at a time; of each ten, one is somebody else's, who only has the number.
    let payload = "IF(seq%10=0,'n|i:41;','user|i:41;')";
    let many = format!("SELECT CONCAT('s',seq),{payload},{},1 FROM {}", in_an_hour().0, numbers(1000));
    at.sql(&format!("INSERT INTO sessions {many}"));
    let find = |user: &str, limit: usize| {
        let is_theirs = |payload: &[u8]| payload == format!("user|i:{user};").as_bytes();
        at.store.of_user(Whose { user, now: now(), limit, is_theirs: &is_theirs }).unwrap()
    };
    let found = find("41", 5000);
    assert_eq!(found.len(), 901);
    let x = found.iter().find(|listed| *listed.id == *b"x").unwrap();
    assert!((now() + 3590..now() + 3610).contains(&x.expires.0));
    assert!(found.iter().all(|listed| listed.visitor == only(&user("41"))));
    assert_eq!(find("41", 250).len(), 250);
    assert_eq!(find("4", 5000).len(), 1);
    assert!(find("'\\ OR 1", 5000).is_empty());
}

#[test]
fn the_sessions_of_a_user_are_found_by_an_index_and_without_one() {
    let server = Mariadb::start(&[]);
    let database = server.database();
    let store = machine(&url(server.port(), &database, ""));
    assert_eq!(
        store.commit(id("a"), Change::Write(&record(&only(&user("s7")), in_an_hour())), Lease::default()).unwrap(),
        Committed::Done
    );
    let mut root = server.root();
    root.query_drop(format!("USE {database}")).unwrap();
    let many = format!(
        "INSERT INTO sessions (id,payload,expires,created,user_id) SELECT CONCAT('s',seq),'',{},1,CONCAT('s',seq) FROM {}",
        in_an_hour().0,
        numbers(5000)
    );
    root.query_drop(many).unwrap();
    root.query_drop("ANALYZE TABLE sessions").unwrap();
    // Rows that were looked at, by all statements.
    let mut looked_at = || -> u64 {
        let rows: Vec<(String, u64)> = root.query("SHOW GLOBAL STATUS LIKE 'Handler_read%'").unwrap();
        rows.iter().map(|(_, count)| count).sum()
    };
    let find = || {
        let whose = Whose { user: "s7", now: now(), limit: 100, is_theirs: &|_| true };
        store.of_user(whose).unwrap().len()
    };
    let before = looked_at();
    assert_eq!(find(), 2);
    assert!(looked_at() - before < 4000);
    // As in a table that was made before there was one.
    server.root().query_drop(format!("ALTER TABLE {database}.sessions DROP KEY user_id")).unwrap();
    assert_eq!(find(), 2);
    assert!(looked_at() - before > 5000);
}
