//! Whose sessions they are, as a site has it: with a buffer, and with ids that are replaced.

use redis::Value;
use rustdb_core::config::{ENTRIES, Raw, Settings};
use rustdb_core::contents::Format;
use rustdb_core::entry::{HEADER, encode_session};
use rustdb_core::record::Record;
use rustdb_core::sessions::{Held, Intent, Sessions, Told};
use rustdb_core::store::{Access, Backend, Batch};
use rustdb_core::visitor::{User, Visitor};

use crate::contract_support::{id, in_an_hour, of_user};
use crate::nodes::Nodes;
use crate::server::{Server, machine};
use crate::users::record;

/// An entry of a buffer, of the user 41 or of nobody.
fn entry(name: &str, record: &Record<'_>) -> Vec<u8> {
    let mut entry = vec![0; HEADER + record.payload.len() + record.visitor.as_bytes().len()];
    encode_session(id(name), record, &mut entry);
    entry
}

#[test]
fn what_a_buffer_brings_is_found() {
    let server = Server::start(&[]);
    let nodes = Nodes::shared();
    let names: Vec<String> = (0..60).map(|number| format!("s{number}")).collect();
    let anonymous = Record::new(b"n|i:1;".as_slice(), in_an_hour());
    for url in [server.url(), nodes.url("?prefix=brought:")] {
        let store = machine(&url);
        let other = Record { visitor: Visitor::new(&User::Is("7".into()), None, None), ..record(in_an_hour()) };
        let mut entries: Vec<(&str, Vec<u8>)> = vec![("n", entry("n", &anonymous)), ("o", entry("o", &other))];
        entries.extend(names.iter().map(|name| (name.as_str(), entry(name, &record(in_an_hour())))));
        for _ in 0..2 {
            store.apply(&mut entries.iter().map(|(name, entry)| (id(name), entry.as_slice()))).unwrap();
        }
        assert_eq!(of_user(&store, "41").len(), 60, "{url}");
        // One alone.
        store.apply(&mut [(id("last"), entry("last", &record(in_an_hour())).as_slice())].into_iter()).unwrap();
        assert_eq!(of_user(&store, "41").len(), 61, "{url}");
        assert!(store.notices().take().is_empty());
        // Its hints are lost, and it is not.
        let set = format!("{}_USER_41", if url.contains("brought") { "brought:" } else { "PHPREDIS_SESSION:" });
        let tell = |command: &[&str]| if url.contains("brought") { nodes.tell(command) } else { server.tell(command) };
        tell(&["SET", &set, "x"]);
        store.apply(&mut entries.iter().map(|(name, entry)| (id(name), entry.as_slice()))).unwrap();
        assert_eq!(store.notices().take().len(), 1, "{url}");
        tell(&["DEL", &set]);
    }
}

/// A site whose sessions name their user.
struct Site {
    sessions: Sessions,
    _directory: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(buffer) = self.sessions.host().report().ok().and_then(|report| report.buffer) {
            let _ = std::fs::remove_dir_all(buffer.path);
        }
    }
}

const THEIRS: &[u8] = b"user|i:41;";

impl Site {
    fn new(settings: &[(&str, &str)]) -> Site {
        let directory = tempfile::tempdir().unwrap();
        let value = |(name, default): &(&str, &str)| {
            let given = settings.iter().chain(&[("user_key", "user")]).find(|(entry, _)| entry == name).copied();
            given.map_or(*default, |(_, value)| value).to_owned()
        };
        let save_path = directory.path().display().to_string();
        let raw = Raw { values: ENTRIES.iter().map(value).collect(), save_path };
        Site { sessions: Sessions::open(&Settings::parse(&raw).unwrap()).unwrap(), _directory: directory }
    }

    fn begin(&self, name: &str, access: Access) -> Held {
        self.sessions.begin(id(name), access).unwrap().unwrap()
    }

    fn end(&self, mut held: Held, intent: Intent<'_>) {
        let client = Told { format: Some(Format::Php), ..Told::default() };
        self.sessions.commit(&mut held, intent, 1440, &client).unwrap();
        self.sessions.release(held);
    }

    fn of_user(&self) -> Vec<String> {
        let found = self.sessions.of_user("41", Some(Format::Php)).unwrap();
        let mut ids: Vec<_> = found.iter().map(|listed| String::from_utf8(listed.id.to_vec()).unwrap()).collect();
        ids.sort();
        ids
    }
}

#[test]
fn one_machine_alone_finds_and_ends_the_sessions_of_a_user() {
    let server = Server::start(&[]);
    for (prefix, write) in [("through", "through"), ("behind", "behind")] {
        let url = format!("{}?prefix={prefix}%3A", server.url());
        let site = Site::new(&[("store", &url), ("multi_host", "off"), ("write", write)]);
        for name in ["a", "b", "c"] {
            site.end(site.begin(name, Access::Fresh), Intent::Write(THEIRS));
        }
        site.end(site.begin("n", Access::Fresh), Intent::Write(b"n|i:1;"));
        // Logged in.
        site.end(site.begin("n", Access::Exclusive), Intent::Write(b"n|i:1;user|i:41;"));
        assert_eq!(site.of_user(), ["a", "b", "c", "n"]);
        site.end(site.begin("b", Access::Exclusive), Intent::Destroy);
        site.end(site.begin("c", Access::Exclusive), Intent::Write(b"user|i:7;"));
        assert_eq!(site.of_user(), ["a", "n"]);
        assert_eq!(site.sessions.end_of_user("41", &[Box::from(&b"n"[..])], Some(Format::Php)).unwrap(), 1);
        assert_eq!(site.of_user(), ["n"]);
        let set = format!("{prefix}:_USER_41");
        assert_eq!(server.tell(&["ZRANGE", &set, "0", "-1"]), Value::Array(vec![Value::BulkString(b"n".to_vec())]));
        assert!(site.sessions.host().take_notices().is_empty());
    }
}

#[test]
fn who_reads_sessions_in_another_way_takes_none_from_their_user() {
    let server = Server::start(&[]);
    let url = server.url();
    let site = Site::new(&[("store", &url)]);
    let another = Site::new(&[("store", &url), ("user_key", "account.id")]);
    site.end(site.begin("a", Access::Fresh), Intent::Write(THEIRS));
    // As a script with a serializer that is not read, and another application on the same server.
    assert_eq!(site.sessions.of_user("41", None).unwrap(), []);
    assert_eq!(another.sessions.end_of_user("41", &[], Some(Format::Php)).unwrap(), 0);
    assert_eq!(site.sessions.end_of_user("41", &[], Some(Format::Php)).unwrap(), 1);
}

#[test]
fn a_session_that_goes_on_under_another_id_is_found_by_that() {
    let server = Server::start(&[]);
    for multi_host in ["on", "off"] {
        let url = format!("{}?prefix={multi_host}%3A", server.url());
        let site = Site::new(&[("store", &url), ("multi_host", multi_host), ("regenerate_grace", "60")]);
        site.end(site.begin("old", Access::Fresh), Intent::Write(THEIRS));
        let mut old = site.begin("old", Access::Exclusive);
        let heir = site.sessions.hand_over(&mut old, id("new"), true).unwrap().unwrap();
        site.sessions.release(old);
        site.end(heir, Intent::Unchanged(THEIRS));
        assert_eq!(site.of_user(), ["new"], "{multi_host}");
    }
}
