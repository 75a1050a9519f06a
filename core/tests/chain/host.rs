//! A chain as `rustdb.store` opens it.

use rustdb_core::config::{ENTRIES, Raw, Settings};
use rustdb_core::error::ErrorKind;
use rustdb_core::sessions::{Intent, Sessions, Source, Told};
use rustdb_core::store::Access;

use crate::contract_support::id;
use crate::machine::Servers;
use crate::mysql_support::PASSWORD;

/// The settings with this store, and with what is the machine's own in `save_path`.
pub fn settings(store: &str, save_path: &std::path::Path) -> Settings {
    let mut values: Vec<String> = ENTRIES.iter().map(|(_, value)| (*value).to_owned()).collect();
    values[0] = store.to_owned();
    Settings::parse(&Raw { values, save_path: save_path.display().to_string() }).unwrap()
}

fn count_up(sessions: &Sessions, name: &str) -> usize {
    let mut held = sessions.begin(id(name), Access::Exclusive).unwrap().unwrap();
    let mut payload = held.take_payload().unwrap();
    payload.extend(vec![b'.'; 10_000]);
    sessions.commit(&mut held, Intent::Write(&payload), 1440, &Told::default()).unwrap();
    sessions.release(held);
    payload.len() / 10_000
}

#[test]
fn a_site_on_a_chain_and_one_on_its_mysql_share_sessions_and_locks() {
    let at = Servers::start();
    let directory = tempfile::tempdir().unwrap();
    let chain = format!("{}?least=10000 {}", at.redis.url(), at.url);
    let chain = Sessions::open(&settings(&chain, directory.path())).unwrap();
    let plain = Sessions::open(&settings(&at.url, directory.path())).unwrap();
    for turn in 0..3 {
        assert_eq!(count_up(&chain, "a"), 2 * turn + 1);
        assert_eq!(count_up(&plain, "a"), 2 * turn + 2);
    }
    assert_eq!(chain.host().directory(), plain.host().directory());
    let report = chain.host().report().unwrap();
    assert_eq!(
        report.store,
        format!("{} mysql://tester@127.0.0.1:{}/{}", at.redis.url(), at.mysql.port(), at.database)
    );
    assert!(!report.store.contains(PASSWORD));
    assert!(at.copy("a").is_some());
    let held = chain.begin(id("a"), Access::ReadOnly).unwrap().unwrap();
    assert_eq!(chain.release(held).source, Source::Store);
    let mut held = chain.begin(id("a"), Access::Exclusive).unwrap().unwrap();
    chain.commit(&mut held, Intent::Destroy, 1440, &Told::default()).unwrap();
    chain.release(held);
    assert_eq!(at.copy("a"), None);
    assert_eq!(count_up(&plain, "a"), 1);
}

#[test]
fn a_mysql_that_one_machine_has_for_itself_is_refused_to_a_chain_too() {
    let at = Servers::start();
    let directory = tempfile::tempdir().unwrap();
    at.machine().write("a", b"");
    let alone = Settings { multi_host: false, ..settings(&at.url, directory.path()) };
    let owner = Sessions::open(&alone).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let chain = format!("{} {}", at.redis.url(), at.url);
    let refused = Sessions::open(&settings(&chain, elsewhere.path())).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::InUse);
    assert!(refused.to_string().contains("mysql://tester@127.0.0.1"), "{refused}");
    drop(owner);
}
