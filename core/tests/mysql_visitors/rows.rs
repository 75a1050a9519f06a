//! What stands in the columns of a row.

use rustdb_core::store::{Access, Change, Committed, Store};
use rustdb_core::visitor::{MAX_AGENT, User, Visitor};

use crate::contract_support::{id, in_an_hour, read};
use crate::mysql_support::commit;
use crate::place::*;

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
