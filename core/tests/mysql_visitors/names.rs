//! Users whom a column takes, and those whom it does not.

use mysql::prelude::Queryable;

use crate::contract_support::read;
use crate::mysql_support::product::Product;
use crate::place::*;

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
