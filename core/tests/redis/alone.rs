//! One machine that has a Redis for itself, and a session that the server does not take at once.

use rustdb_core::config::{ENTRIES, Raw, Settings};
use rustdb_core::error::ErrorKind;
use rustdb_core::sessions::{Intent, Sessions, Told};
use rustdb_core::store::Access;

use crate::contract_support::id;
use crate::server::{Server, until};

#[test]
fn a_new_session_that_a_full_server_refuses_waits_in_the_buffer_and_is_brought_there() {
    let server = Server::start(&[]);
    let directory = tempfile::tempdir().unwrap();
    let value = |(name, default): &(&str, &str)| match *name {
        "store" => server.url(),
        "multi_host" => "off".to_owned(),
        "flush_interval" => "0.05".to_owned(),
        _ => (*default).to_owned(),
    };
    let save_path = directory.path().display().to_string();
    let raw = Raw { values: ENTRIES.iter().map(value).collect(), save_path };
    let sessions = Sessions::open(&Settings::parse(&raw).unwrap()).unwrap();
    server.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    let mut held = sessions.begin(id("a"), Access::Fresh).unwrap().unwrap();
    let error = sessions.commit(&mut held, Intent::Write(b"data"), 1440, &Told::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    sessions.release(held);
    let mut held = sessions.begin(id("a"), Access::ExclusiveIfExists).unwrap().unwrap();
    assert_eq!(held.take_payload().as_deref(), Some(b"data".as_slice()));
    sessions.release(held);
    assert_eq!(server.text(&["GET", "PHPREDIS_SESSION:a"]), None);
    server.tell(&["CONFIG", "SET", "maxmemory", "0"]);
    until("it is there", || server.text(&["GET", "PHPREDIS_SESSION:a"]).as_deref() == Some("data"));
    let buffer = sessions.host().report().unwrap().buffer.unwrap();
    std::fs::remove_dir_all(buffer.path).unwrap();
}
