//! Whose sessions they are: who used one last is noted with each write and touch (`rustdb.track`), the user by what the
//! session itself says (`rustdb.user_key`), so that all sessions of a user can be listed and ended.

use memchr::memmem::Finder;

use super::Sessions;
use crate::contents::{self, Format, Path};
use crate::error::Result;
use crate::record::{SessionId, now};
use crate::store::{Change, Lease, Listed, Whose};
use crate::visitor::{User, Visitor};

/// The most sessions of one user that are listed.
pub const MOST_LISTED: usize = 1000;

/// What a request tells of its visitor, and how to read its session; asked only where it matters.
pub trait Client {
    /// How PHP lays out the session; `None`: in a way that is not read.
    fn format(&self) -> Option<Format>;

    /// The address it came from.
    fn ip(&self) -> Option<&[u8]>;

    /// What the browser calls itself.
    fn agent(&self) -> Option<&[u8]>;
}

/// What a request tells, told beforehand; by default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    /// [`Client::format`]
    pub format: Option<Format>,
    /// [`Client::ip`]
    pub ip: Option<&'a [u8]>,
    /// [`Client::agent`]
    pub agent: Option<&'a [u8]>,
}

impl Client for Told<'_> {
    fn format(&self) -> Option<Format> {
        self.format
    }

    fn ip(&self) -> Option<&[u8]> {
        self.ip
    }

    fn agent(&self) -> Option<&[u8]> {
        self.agent
    }
}

/// Larger payloads are read along their keys at once, which passes over long strings; a search does not.
const SEARCHED: usize = 4096;

/// Some paths, and what a payload has to have in it where there is a value at one of them.
pub(super) struct Marked {
    pub(super) paths: Vec<Path>,
    marks: Vec<Finder<'static>>,
}

impl Marked {
    pub(super) fn new(paths: &[Path]) -> Marked {
        let marks = paths.iter().map(|path| Finder::new(path.longest_key()).into_owned()).collect();
        Marked { paths: paths.to_vec(), marks }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Whether it is worth reading a payload for the values.
    pub(super) fn may_stand_in(&self, payload: &[u8]) -> bool {
        payload.len() > SEARCHED || self.marks.iter().any(|mark| mark.find(payload).is_some())
    }
}

/// The user that a payload names at the first of `keys` that leads to one.
fn user_in<'a>(payload: &'a [u8], format: Format, keys: &Marked) -> User<'a> {
    if !keys.may_stand_in(payload) {
        return User::Nobody;
    }
    // Laravel hands over a serialized array, however PHP lays out its own sessions, in which no name begins like that.
    let is_array = format == Format::Php && payload.starts_with(b"a:") && payload.ends_with(b"}");
    let format = if is_array { Format::PhpSerialize } else { format };
    let values = contents::find_each(payload, format, &keys.paths).into_iter().flatten();
    values.map(User::named).find(|user| *user != User::Nobody).unwrap_or(User::Nobody)
}

impl Sessions {
    /// What is known of the visitor who leaves `payload`: now, and from before.
    pub(super) fn visitor(&self, before: Visitor<'static>, payload: &[u8], client: &dyn Client) -> Visitor<'static> {
        let track = self.settings.track;
        let format = if track.user && !self.user_keys.is_empty() { client.format() } else { None };
        let user = format.map_or(User::Unknown, |format| user_in(payload, format, &self.user_keys));
        let ip = if track.ip { client.ip() } else { None };
        let agent = if track.agent { client.agent() } else { None };
        if before.says(&user, ip, agent) {
            return before;
        }
        let ip = ip.and_then(|ip| std::str::from_utf8(ip).ok());
        Visitor::seen(&user, ip, agent, &before)
    }

    /// The sessions of a user that have not ended, at most [`MOST_LISTED`], the one that ends last first. `format`: how PHP
    /// lays out sessions.
    pub fn of_user(&self, user: &str, format: Option<Format>) -> Result<Vec<Listed>> {
        let User::Is(user) = User::by(user) else { return Ok(Vec::new()) };
        let is_theirs = |payload: &[u8]| match user_in(payload, format?, &self.user_keys) {
            User::Is(named) => Some(named == user),
            User::Unknown | User::Nobody => None,
        };
        let mut found =
            self.host.of_user(Whose { user: &user, now: now(), limit: MOST_LISTED, is_theirs: &is_theirs })?;
        found.sort_by(|one, other| other.expires.cmp(&one.expires).then_with(|| one.id.cmp(&other.id)));
        Ok(found)
    }

    /// Ends the sessions of a user, but not those of the ids `kept`; returns how many there were. A request that has one of them in use does
    /// not bring it back.
    pub fn end_of_user(&self, user: &str, kept: &[Box<[u8]>], format: Option<Format>) -> Result<u64> {
        let mut ended = 0;
        loop {
            let mut found = self.of_user(user, format)?;
            let all = found.len() < MOST_LISTED;
            found.retain(|listed| !kept.contains(&listed.id));
            for listed in &found {
                self.end(SessionId::parse(&listed.id)?)?;
                ended += 1;
            }
            if all || found.is_empty() {
                return Ok(ended);
            }
        }
    }

    /// Ends a session without waiting for who has it in use: what that one writes in the end is refused.
    fn end(&self, id: SessionId<'_>) -> Result<()> {
        if let Some(old) = &self.migration {
            // As long as the session is here nobody looks for its old copy; afterwards anybody might bring that over.
            old.remove(id).or_else(|error| if old.outlives(id, now()).is_some() { Err(error) } else { Ok(()) })?;
        }
        self.host.store().commit(id, Change::Destroy, Lease::default())?;
        self.host.wake_after_write();
        self.flush_if_through(id)
    }
}
