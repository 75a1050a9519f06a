//! Moving in without a log-out (`rustdb.migrate_from`): a session that the store does not have is looked for where it was
//! kept before, brought over under its lock, and lives in the store from then on.
//!
//! An old place is only asked for ids that visitors bring along and the store does not know, so it costs less and less
//! the longer it goes on. A session that ends here ends there too: its old copy must not come back. Where that copy
//! cannot be removed, an empty session keeps its place here ([`crate::sessions`]).

mod cm;
mod files;
mod memcached;
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use self::cm::CmRedis;
use self::files::Files;
use self::memcached::Memcached;
use self::server::OnServer;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Expiry, MAX_LIFETIME, Record, SessionId};
use crate::server::Server;

/// What is to be done with a session that was found. Returns whether the old copy may go.
pub type Keep<'a> = &'a mut dyn FnMut(Record<'static>) -> Result<bool>;

/// The largest payload that is brought over.
const LARGEST: u64 = 1 << 30;
/// How long a copy that cannot be removed is taken to go on existing where nothing tells: 30 days.
const LONG: u64 = 30 * 86_400;
/// How often an old place is asked whether a lock of its own is free.
const AGAIN: Duration = Duration::from_millis(5);

/// A place where sessions were kept before.
trait Old: Send + Sync {
    /// Hands a session that has not expired to `keep`, holding the lock that the programs of that place take, where
    /// rustdb knows it; and removes it when `keep` says that it may go, if `remove` says so. Returns whether there was one.
    fn bring(&self, id: SessionId<'_>, remove: bool, keep: Keep<'_>) -> Result<bool>;

    /// Removes a session, if there is one.
    fn remove(&self, id: SessionId<'_>) -> Result<()>;
}

/// The URL of an old place, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    place: Place,
    remove: bool,
    lifetime: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Files(files::Spec),
    Memcached(memcached::Spec),
    CmRedis(cm::Spec),
    Server(Box<Server>),
}

/// An old place, as one thread uses it.
pub struct Migration {
    old: Box<dyn Old>,
    remove: bool,
    lifetime: Option<u64>,
}

/// A value of `rustdb.migrate_from` that is not allowed.
fn wrong(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("rustdb.migrate_from {what}"))
}

/// A failure of what else keeps sessions, as one of the old place.
fn of_old_place(error: Error) -> Error {
    error.about("rustdb.store", "rustdb.migrate_from")
}

/// The options of a URL that only this module knows.
struct Options(BTreeMap<String, String>);

impl Options {
    fn of(url: &Url) -> Result<Options> {
        let mut options = BTreeMap::new();
        for (name, value) in url.query_pairs() {
            if options.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(wrong(format_args!("has the option \"{name}\" twice")));
            }
        }
        Ok(Options(options))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    fn refuse_others(self, known: &str) -> Result<()> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(other) => Err(wrong(format_args!("has the option \"{other}\"; it knows {known}"))),
        }
    }
}

fn seconds(text: &str) -> Result<u64> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=MAX_LIFETIME) => Ok(seconds),
        _ => Err(wrong(format_args!("has lifetime={text}; it takes whole seconds from 1 to {MAX_LIFETIME}"))),
    }
}

impl From {
    /// Reads the URL; `None` for an empty one: there is no old place.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], saying what is wrong with it; never with a password.
    pub fn parse(text: &str) -> Result<Option<From>> {
        if text.is_empty() {
            return Ok(None);
        }
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if !matches!(scheme, "files" | "memcached") {
            return From::on_server(text).map(Some);
        }
        let url = Url::parse(text).map_err(|cause| wrong(format_args!("is not a URL: {cause}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(format_args!("has a user or a password, which {scheme}:// does not take")));
        }
        if url.fragment().is_some() {
            return Err(wrong("has a # in it; write %23 where it belongs to a path or a prefix"));
        }
        let mut options = Options::of(&url)?;
        let remove = switch(options.take("remove").as_deref())?;
        let (place, lifetime) = match scheme {
            "files" => {
                let spec = files::Spec::of(&url, &mut options)?;
                let lifetime = spec.lifetime;
                options.refuse_others("depth, prefix, lifetime and remove")?;
                (Place::Files(spec), Some(lifetime))
            }
            _ => {
                let spec = memcached::Spec::of(&url, &mut options)?;
                options.refuse_others("prefix and remove")?;
                (Place::Memcached(spec), None)
            }
        };
        Ok(Some(From { place, remove, lifetime }))
    }

    fn on_server(text: &str) -> Result<From> {
        let mut server = Server::parse(text)
            .ok_or_else(|| {
                // Who forgot the scheme may have written a password there.
                let shown = match text.contains([':', '@', '%']) {
                    true => String::new(),
                    false => format!("= \"{text}\" "),
                };
                wrong(format_args!(
                    "{shown}does not begin like a place to bring sessions from; it takes \
                     \"files:///DIRECTORY?lifetime=SECONDS\", \"redis://HOST\" and the like, \
                     \"mysql://USER:PASSWORD@HOST/DATABASE\", or \"memcached://HOST\""
                ))
            })?
            .map_err(of_old_place)?;
        let remove = switch(server.options.remove("remove").as_deref())?;
        let lifetime = server.option("lifetime").map(seconds).transpose()?;
        let place = match server.option("layout") {
            Some("cm") => Place::CmRedis(cm::Spec::of(server)?),
            _ => Place::Server(Box::new(server)),
        };
        let from = From { place, remove, lifetime };
        // What is wrong with its options is said now, and not to the first visitor.
        from.open(Duration::ZERO)?;
        Ok(from)
    }

    /// Opens the place; nothing is connected to before the first use.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], and that of reading a file which the URL names.
    pub fn open(&self, lock_wait: Duration) -> Result<Migration> {
        let old: Box<dyn Old> = match &self.place {
            Place::Files(spec) => Box::new(Files::new(spec.clone(), lock_wait)),
            Place::Memcached(spec) => Box::new(Memcached::new(spec.clone(), lock_wait)),
            Place::CmRedis(spec) => Box::new(CmRedis::new(spec.clone(), lock_wait)?),
            Place::Server(server) => Box::new(OnServer::open(server, lock_wait)?),
        };
        Ok(Migration { old, remove: self.remove, lifetime: self.lifetime })
    }
}

fn switch(text: Option<&str>) -> Result<bool> {
    match text {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(wrong(format_args!("has remove={other}; it takes 0 or 1"))),
    }
}

impl Migration {
    /// What a session there has as its payload and expiry, without bringing it over.
    pub fn look_at(&self, id: SessionId<'_>) -> Result<Option<Record<'static>>> {
        let mut found = None;
        self.old.bring(id, false, &mut |record| {
            found = Some(record);
            Ok(false)
        })?;
        Ok(found)
    }

    /// Hands a session to `keep`, and removes the old copy afterwards if that was asked for and `keep` returned that it
    /// may go. Returns whether there was one, and what kept the copy from being removed.
    pub fn bring(&self, id: SessionId<'_>, keep: Keep<'_>) -> Result<(bool, Option<Error>)> {
        let mut kept = false;
        let brought = self.old.bring(id, self.remove, &mut |record| {
            let may_go = keep(record)?;
            kept = true;
            Ok(may_go)
        });
        match brought {
            Err(error) if kept => Ok((true, Some(error))),
            brought => brought.map(|brought| (brought, None)),
        }
    }

    /// Whether old copies are to go.
    pub fn removes(&self) -> bool {
        self.remove
    }

    /// Removes the old copy of a session that has ended.
    pub fn remove(&self, id: SessionId<'_>) -> Result<()> {
        self.old.remove(id)
    }

    /// The last second of an old copy that could not be removed just now; `None`: there is none.
    pub fn outlives(&self, id: SessionId<'_>, now: i64) -> Option<Expiry> {
        match self.look_at(id) {
            Ok(copy) => copy.map(|copy| copy.expires),
            Err(_) => Some(Expiry::after(now, self.lifetime.unwrap_or(LONG))),
        }
    }
}

/// The refusal of a payload that is too large to be brought over.
fn too_large(place: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("a session of {place} (rustdb.migrate_from) has more than {LARGEST} bytes, and stays there"),
    )
}
