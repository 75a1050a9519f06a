//! Properties that hold for every input: entries, ids, expiries and settings.

use proptest::prelude::*;
use rustdb_core::config::{ENTRIES, Raw, Settings, StoreUrl, WriteMode, redacted};
use rustdb_core::entry::{self, Entry, HEADER};
use rustdb_core::record::{DEFAULT_LIFETIME, Expiry, MAX_LIFETIME, Record, SessionId, lifetime_of};
use rustdb_core::server::{Address, Server};
use rustdb_core::visitor::{User, Visitor};

fn raw(name: &str, value: &str) -> Raw {
    let values = ENTRIES
        .iter()
        .map(|(entry, default)| if *entry == name { value.to_owned() } else { (*default).to_owned() })
        .collect();
    Raw { values, save_path: String::new() }
}

/// An entry in one piece.
fn encoded(id: SessionId<'_>, record: &Record<'_>) -> Vec<u8> {
    let mut value = vec![0; HEADER + record.payload.len() + record.visitor.as_bytes().len()];
    entry::encode_session(id, record, &mut value);
    value
}

/// Who used a session, known in part.
fn visitor() -> impl Strategy<Value = Visitor<'static>> {
    let user = prop_oneof![Just(User::Unknown), Just(User::Nobody), "\\PC{1,60}".prop_map(User::by)];
    let ip = proptest::option::of(any::<std::net::IpAddr>().prop_map(|ip| ip.to_string()));
    let agent = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300));
    (user, ip, agent).prop_map(|(user, ip, agent)| Visitor::new(&user, ip.as_deref(), agent.as_deref()))
}

proptest! {
    #[test]
    fn an_entry_decodes_to_what_was_encoded(
        id in "[A-Za-z0-9,-]{1,256}",
        payload in proptest::collection::vec(any::<u8>(), 0..3000),
        expires in any::<i64>(),
        visitor in visitor(),
    ) {
        let id = SessionId::parse(id.as_bytes()).unwrap();
        let record = Record { visitor, ..Record::new(payload, Expiry(expires)) };
        let value = encoded(id, &record);
        prop_assert_eq!(entry::visitor_of(&value), record.visitor.clone());
        let (header, rest) = value.split_first_chunk().unwrap();
        prop_assert_eq!(entry::decode_parts(id, header, rest.to_vec()), Some(Entry::Session(record.clone())));
        prop_assert_eq!(entry::decode(id, &value), Some(Entry::Session(record)));
    }

    #[test]
    fn an_entry_under_another_id_is_no_entry(
        id in "[A-Za-z0-9,-]{1,256}",
        other in "[A-Za-z0-9,-]{1,256}",
        payload in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        prop_assume!(id != other);
        let record = Record::new(payload, Expiry(1));
        let value = encoded(SessionId::parse(id.as_bytes()).unwrap(), &record);
        prop_assert_eq!(entry::decode(SessionId::parse(other.as_bytes()).unwrap(), &value), None);
    }

    #[test]
    fn an_entry_with_a_flipped_bit_is_no_entry(
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        visitor in visitor(),
        place in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let id = SessionId::parse(b"abc").unwrap();
        let record = Record { visitor, ..Record::new(payload, Expiry(1_900_000_000)) };
        let mut value = encoded(id, &record);
        let place = place.index(value.len());
        value[place] ^= 1 << bit;
        prop_assert_eq!(entry::decode(id, &value), None);
    }

    #[test]
    fn no_bytes_make_decoding_panic(value in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = entry::decode(SessionId::parse(b"abc").unwrap(), &value);
    }

    #[test]
    fn an_id_is_taken_only_if_every_byte_is_allowed(id in proptest::collection::vec(any::<u8>(), 0..300)) {
        let allowed = !id.is_empty()
            && id.len() <= 256
            && id.iter().all(|byte| b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,-".contains(byte));
        prop_assert_eq!(SessionId::parse(&id).is_ok(), allowed);
    }

    #[test]
    fn the_message_about_an_id_does_not_repeat_it(id in "[a-z]{20,40}!") {
        let message = SessionId::parse(id.as_bytes()).unwrap_err().to_string();
        prop_assert!(!message.contains(&id));
    }

    #[test]
    fn a_session_lives_through_its_last_second_and_no_longer(now in 0..4_000_000_000i64, lifetime in 1..MAX_LIFETIME) {
        let expires = Expiry::after(now, lifetime);
        prop_assert!(!expires.is_past(now));
        prop_assert!(!expires.is_past(now + lifetime as i64));
        prop_assert!(expires.is_past(now + lifetime as i64 + 1));
    }

    #[test]
    fn no_clock_and_no_lifetime_overflow(now in any::<i64>(), lifetime in any::<u64>()) {
        prop_assert!(Expiry::after(now, lifetime) >= Expiry(now));
    }

    #[test]
    fn every_lifetime_an_application_gives_means_one(seconds in any::<i64>()) {
        let lifetime = lifetime_of(seconds);
        prop_assert!((1..=MAX_LIFETIME).contains(&lifetime));
        if seconds <= 0 {
            prop_assert_eq!(lifetime, DEFAULT_LIFETIME);
        }
    }

    #[test]
    fn a_refused_setting_is_named_with_its_value(place in 1..ENTRIES.len(), value in "[a-z]{1,8}[.][.]!") {
        let name = ENTRIES[place].0;
        let message = Settings::parse(&raw(name, &value)).unwrap_err().to_string();
        prop_assert!(message.contains(&format!("rustdb.{name}")), "{}", message);
        prop_assert!(message.contains(&value), "{}", message);
    }

    #[test]
    fn settings_of_any_text_are_read_or_refused_but_never_panic(place in 0..ENTRIES.len(), value in ".{0,40}") {
        let _ = Settings::parse(&raw(ENTRIES[place].0, &value));
    }

    #[test]
    fn sizes_are_read_with_their_units(mebibytes in 1..65_536u64) {
        for text in [format!("{mebibytes}M"), format!("{}K", mebibytes << 10), format!("{}", mebibytes << 20)] {
            prop_assert_eq!(Settings::parse(&raw("buffer_size", &text)).unwrap().buffer_size, mebibytes << 20);
        }
    }

    #[test]
    fn a_password_is_in_no_message(user in "[a-z]{1,8}", password in "[A-Z]{8,16}") {
        for scheme in ["postgres", "mysql", "redis"] {
            for rest in ["@host/db", "@host:port/db", "@host/db?timeout=soon", "@host/db?timeout=1&timeout=1", "@/db", "@host/db#x", "@%ff/db"] {
                let url = format!("{scheme}://{user}:{password}{rest}");
                let said = match Settings::parse(&raw("store", &url)) {
                    Err(error) => format!("{error} {error:?}"),
                    Ok(settings) => format!("{settings:?} {}", server_of(settings.clone())),
                };
                prop_assert!(!said.contains(&password), "{}", said);
                prop_assert!(!redacted(&url).contains(&password));
            }
        }
        for (front, behind) in [("redis", "mysql"), ("mysql", "redis"), ("redis", "postgres"), ("rediss", "mysql://h/d mysql")] {
            let chain = format!("{front}://{user}:{password}@cache {behind}://{user}:{password}@host/db");
            let said = match Settings::parse(&raw("store", &chain)) {
                Err(error) => format!("{error} {error:?}"),
                Ok(settings) => format!("{settings:?}"),
            };
            prop_assert!(!said.contains(&password), "{}", said);
            prop_assert!(!redacted(&chain).contains(&password));
        }
    }

    #[test]
    fn a_server_is_read_as_it_was_written(user in "\\PC{1,8}", password in "\\PC{1,16}", database in "[a-z_]{1,8}", port in 1..=u16::MAX) {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let url = format!("mysql://{}:{}@[::1]:{port}/{database}?table=t%26t&timeout=0.5", encode(&user), encode(&password));
        let server = server_of(Settings::parse(&raw("store", &url)).unwrap());
        prop_assert_eq!((&server.user, &server.password, &server.database), (&user, &password, &database));
        prop_assert_eq!(server.address, Address::Tcp { host: "::1".into(), port });
        prop_assert_eq!((server.options["table"].as_str(), server.timeout.as_millis()), ("t&t", 500));
    }

    #[test]
    fn one_directory_has_one_spelling(name in "[a-z]{1,10}") {
        let plain = Settings::parse(&raw("store", &format!("embedded:///srv/{name}"))).unwrap().store;
        for spelling in [format!("embedded:///srv//{name}/"), format!("embedded:///srv/./{name}"), format!("embedded:///srv/%2f{name}")] {
            prop_assert_eq!(&Settings::parse(&raw("store", &spelling)).unwrap().store, &plain);
        }
        prop_assert!(matches!(plain, StoreUrl::Embedded(_)));
    }
}

fn server_of(settings: Settings) -> Server {
    match settings.store {
        StoreUrl::Server { server, .. } => *server,
        other => panic!("{other:?} is no server"),
    }
}

#[test]
fn every_server_of_a_store_is_told_for_how_long_to_look_for_answers() {
    let parse = |url: &str, microseconds: &str| {
        let mut raw = raw("store", url);
        raw.values[ENTRIES.iter().position(|(name, _)| *name == "busy_poll").unwrap()] = microseconds.to_owned();
        match Settings::parse(&raw).unwrap().store {
            StoreUrl::Server { server, front, .. } => {
                (server.busy_poll.as_micros(), front.map(|front| front.server.busy_poll.as_micros()))
            }
            other => panic!("{other:?} is no server"),
        }
    };
    assert_eq!(parse("redis://host", "200"), (200, None));
    assert_eq!(parse("mysql://user@host/database", "0"), (0, None));
    assert_eq!(parse("redis://front mysql://user@host/database", "70"), (70, Some(70)));
}

#[test]
fn a_password_comes_from_a_file_or_from_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "open sesame\n").unwrap();
    let url = format!("redis://host?password_file={}", file.display());
    assert_eq!(server_of(Settings::parse(&raw("store", &url)).unwrap()).password, "open sesame");
    let missing = Settings::parse(&raw("store", "redis://host?password_file=/nonexistent/password")).unwrap_err();
    assert!(missing.to_string().contains("/nonexistent/password"), "{missing}");
    let unset = Settings::parse(&raw("store", "redis://host?password_env=RUSTDB_NO_SUCH_VARIABLE")).unwrap_err();
    assert!(unset.to_string().contains("RUSTDB_NO_SUCH_VARIABLE"), "{unset}");
}

#[test]
fn a_store_on_a_server_is_not_written_behind() {
    let mut settings = raw("store", "redis://host");
    let place = ENTRIES.iter().position(|(name, _)| *name == "write").unwrap();
    assert_eq!(Settings::parse(&settings).unwrap().write, WriteMode::Through);
    settings.values[place] = "behind".into();
    assert!(Settings::parse(&settings).unwrap_err().to_string().contains("rustdb.write"));
}

#[test]
fn a_chain_is_read_from_both_its_urls_and_is_several_machines() {
    let mut settings = raw("store", "redis://:a@cache?least=7 mysql://web:b@db/shop");
    let parsed = Settings::parse(&settings).unwrap();
    assert!(parsed.multi_host);
    match parsed.store {
        StoreUrl::Server { server, front: Some(front), .. } => {
            assert_eq!((server.to_string(), server.password.as_str()), ("mysql://web@db:3306/shop".to_owned(), "b"));
            let name = front.server.to_string();
            assert_eq!((name.as_str(), front.server.password.as_str(), front.least), ("redis://cache:6379", "a", 7));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(redacted(&settings.values[0]), "redis://***@cache?least=7 mysql://***@db/shop");
    let place = ENTRIES.iter().position(|(name, _)| *name == "multi_host").unwrap();
    settings.values[place] = "off".into();
    let refused = Settings::parse(&settings).unwrap_err().to_string();
    assert!(refused.starts_with("rustdb.multi_host = \"off\"") && refused.contains("buffer"), "{refused}");
}

#[test]
fn the_defaults_are_what_the_documentation_says() {
    let settings = Settings::default();
    assert_eq!(settings.buffer_size, 64 << 20);
    assert_eq!(settings.lock_wait.as_secs(), 30);
    assert_eq!(settings.lifetime, None);
}

#[test]
fn stores_that_are_none_are_refused() {
    for url in [
        "/srv/x",
        "embedded://srv",
        "embedded:///",
        "embedded:///a/../b",
        "embedded:///a?x=1",
        "http://x",
        "embedded:///%zz",
    ] {
        assert!(Settings::parse(&raw("store", url)).is_err(), "{url}");
    }
}
