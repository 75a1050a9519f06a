//! A store that sessions are brought to.

use rustdb_core::config::{ENTRIES, Raw, Settings};
use rustdb_core::error::Result;
use rustdb_core::record::{Expiry, now};
use rustdb_core::sessions::{Held, Intent, Sessions, Told};
use rustdb_core::shared::Counter;
use rustdb_core::store::{Access, Found};
use tempfile::TempDir;

use crate::contract_support::id;

/// How long sessions live here.
pub const LIFETIME: i64 = 7200;

/// The settings of php.ini with these values.
pub fn settings(values: &[(&str, &str)]) -> Result<Settings> {
    Settings::parse(&raw(values, String::new()))
}

fn raw(values: &[(&str, &str)], save_path: String) -> Raw {
    let value = |(name, default): &(&str, &str)| {
        let given = values.iter().find(|(entry, _)| entry == name);
        given.map_or(*default, |(_, value)| *value).to_owned()
    };
    Raw { values: ENTRIES.iter().map(value).collect(), save_path }
}

/// With what is the machine's own in this directory.
fn open(directory: &TempDir, values: &[(&str, &str)]) -> Sessions {
    let settings = Settings::parse(&raw(values, directory.path().display().to_string())).unwrap();
    Sessions::open(&settings).unwrap()
}

/// An embedded store with a buffer, or the place of this machine for one on a server.
pub struct Here {
    pub sessions: Sessions,
    directory: TempDir,
    store: String,
}

impl Here {
    /// An embedded store.
    pub fn new(from: &str) -> Here {
        Here::with(from, &[])
    }

    /// The same with more settings.
    pub fn with(from: &str, more: &[(&str, &str)]) -> Here {
        let directory = tempfile::tempdir().unwrap();
        let store = format!("embedded://{}", directory.path().display());
        Here::open(directory, &[&[("store", store.as_str()), ("migrate_from", from)], more].concat())
    }

    /// A machine whose store is on a server.
    pub fn on_server(store: &str, from: &str) -> Here {
        Here::on_server_with(store, from, &[])
    }

    /// The same with more settings.
    pub fn on_server_with(store: &str, from: &str, more: &[(&str, &str)]) -> Here {
        Here::open(tempfile::tempdir().unwrap(), &[&[("store", store), ("migrate_from", from)], more].concat())
    }

    fn open(directory: TempDir, values: &[(&str, &str)]) -> Here {
        let sessions = open(&directory, values);
        Here { sessions, directory, store: values[0].1.to_owned() }
    }

    /// Another process of the same machine, with the same store.
    pub fn beside(&self, from: &str, more: &[(&str, &str)]) -> Sessions {
        let values = [&[("store", self.store.as_str()), ("migrate_from", from)], more].concat();
        open(&self.directory, &values)
    }

    pub fn begin(&self, name: &str, access: Access) -> Option<Held> {
        self.sessions.begin(id(name), access).unwrap()
    }

    /// What a request finds that changes nothing; `None`: no session.
    pub fn visit(&self, name: &str, access: Access) -> Option<Vec<u8>> {
        let mut held = self.begin(name, access)?;
        let payload = held.exists().then(|| held.take_payload().unwrap());
        self.sessions.release(held);
        payload
    }

    /// What a request finds that locks the session; `None`: no session.
    pub fn find(&self, name: &str) -> Option<Vec<u8>> {
        self.visit(name, Access::Exclusive)
    }

    /// What the store itself has, with its end.
    pub fn has(&self, name: &str) -> Option<(Vec<u8>, Expiry)> {
        match self.sessions.host().store().begin(id(name), Access::ReadOnly, None).unwrap().found {
            Found::Record(record) => Some((record.payload.into_owned(), record.expires)),
            _ => None,
        }
    }

    /// How many seconds the session of the store has left.
    pub fn left(&self, name: &str) -> i64 {
        self.has(name).unwrap().1.0 - now()
    }

    pub fn write(&self, name: &str, payload: &[u8]) {
        let mut held = self.begin(name, Access::Exclusive).unwrap();
        self.sessions.commit(&mut held, Intent::Write(payload), LIFETIME, &Told::default()).unwrap();
        self.sessions.release(held);
    }

    pub fn destroy(&self, name: &str) {
        let mut held = self.begin(name, Access::Exclusive).unwrap();
        self.sessions.commit(&mut held, Intent::Destroy, LIFETIME, &Told::default()).unwrap();
        self.sessions.release(held);
    }

    /// How many sessions were brought over.
    pub fn migrated(&self) -> u64 {
        self.sessions.host().shared().get(Counter::SessionsMigrated)
    }

    /// Messages for the log.
    pub fn log(&self) -> Vec<String> {
        self.sessions.host().notices().take().iter().map(ToString::to_string).collect()
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        if let Some(buffer) = self.sessions.host().report().ok().and_then(|report| report.buffer) {
            let _ = std::fs::remove_dir_all(buffer.path);
        }
    }
}
