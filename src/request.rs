//! What a thread of PHP keeps between the callbacks of a request, and between requests.

mod objects;
mod succession;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rustdb_core::config::{Raw, Settings};
use rustdb_core::error::{Error, ErrorKind, Result};
use rustdb_core::record::{SessionId, now};
use rustdb_core::sessions::{Held, Intent, Report, Sessions};
use rustdb_core::store::Access;
use rustdb_core::{notices, process};

use crate::client::OfRequest;
use crate::{ini, report};

pub use objects::ObjectId;
use objects::{Lent, Object};
use succession::Succession;

/// Ids with at least this many random bits are nobody else's, so nobody looks them up.
const ENOUGH_BITS: usize = 128;
/// So many different settings are kept open; beyond, those that are in use.
const MOST_OPENED: usize = 64;

thread_local! {
    static THREAD: RefCell<Thread> = RefCell::new(Thread::default());
}

/// One thread of PHP.
#[derive(Default)]
pub struct Thread {
    /// Stores by the text of their settings, so that nothing is parsed or opened twice.
    opened: HashMap<Raw, Rc<Sessions>>,
    /// The settings' edition and `session.save_path` that `current` was chosen by.
    chosen_by: Option<(u64, Box<[u8]>)>,
    current: Option<Rc<Sessions>>,
    /// Whether PHP has opened `current`, and not closed it.
    is_open: bool,
    generation: u32,
    /// The id that was in use when this process was forked: its session is the parent's.
    inherited: Option<Box<[u8]>>,
    /// When `current` was last seen to be where its name says.
    seen: i64,
    /// The session in use, and the store it is of.
    held: Option<(Rc<Sessions>, Held)>,
    /// The opened object that has the session in use as well, and keeps it until it is closed itself.
    heir: Option<ObjectId>,
    /// The id made last, until it is used or the session closed.
    fresh: Option<Box<[u8]>>,
    /// The failure of a validation, which the read that follows reports.
    failure: Option<Error>,
    /// PHP has not taken what was read: its memory ran out, and what it has is not the session.
    unread: bool,
    /// How the session opened last fared.
    last: Option<Report>,
    /// What replaces an id.
    succession: Succession,
    /// The objects of `Rustdb\SessionHandler` that have something to keep.
    objects: HashMap<ObjectId, Object>,
    /// Sessions that they have in use.
    lent: Vec<Lent>,
}

/// Runs `work` with this thread's state. `work` calls nothing of PHP's: it may come back here, or never.
pub fn with<T>(work: impl FnOnce(&mut Thread) -> T) -> T {
    THREAD.with_borrow_mut(|thread| {
        thread.notice_fork();
        work(thread)
    })
}

/// Writes to PHP's log what happened out of sight. Not within [`with`]: PHP's log allocates, and may never return.
pub fn tell_notices() {
    if !notices::may_wait() {
        return;
    }
    for notice in with(Thread::take_notices) {
        report::log(&notice);
    }
}

/// The end of a request: whatever PHP did not close is let go.
pub fn end() {
    with(|thread| {
        thread.close();
        thread.let_go_of_heir();
        thread.end_of_objects();
        thread.last = None;
    });
}

/// Whether an id that PHP has just made has enough random bits.
fn is_unguessable(id: &[u8]) -> bool {
    // The alphabet tells the bits: 4 use 0-9a-f, more use letters beyond.
    let bits = if id.iter().all(u8::is_ascii_hexdigit) { 4 } else { 5 };
    id.len() * bits >= ENOUGH_BITS
}

impl Thread {
    fn take_notices(&mut self) -> Vec<Error> {
        let stores = self.current.iter().chain(self.objects.values().filter_map(Object::store));
        stores.flat_map(|store| store.host().take_notices()).collect()
    }

    /// Chooses the store that the settings and `save_path` mean, and opens it if need be.
    pub fn open(&mut self, save_path: &[u8]) -> Result<Rc<Sessions>> {
        self.fresh = None;
        self.failure = None;
        self.is_open = false;
        let sessions = self.sessions_for(save_path)?;
        self.is_open = true;
        Ok(sessions)
    }

    /// What the parent opened is neither used nor closed in a child.
    fn notice_fork(&mut self) {
        if self.generation == process::generation() {
            return;
        }
        self.inherited = self.held.as_ref().map(|(_, held)| held.id().into());
        std::mem::forget(std::mem::take(&mut self.opened));
        std::mem::forget(self.current.take());
        std::mem::forget(self.held.take());
        std::mem::forget(std::mem::take(&mut self.succession));
        self.forget_objects_of_parent();
        self.chosen_by = None;
        self.generation = process::generation();
    }

    /// Drops the current store if its directory was deleted, as some do to log everybody out: whoever opens it by its
    /// name now gets another lock file. Looked at once a second.
    fn notice_deletion(&mut self) {
        let now = now();
        if self.seen == now {
            return;
        }
        self.seen = now;
        if let Some(current) = self.current.take_if(|current| current.is_unlinked()) {
            current.host().forget();
            self.opened.retain(|_, sessions| !Rc::ptr_eq(sessions, &current));
        }
    }

    fn sessions_for(&mut self, save_path: &[u8]) -> Result<Rc<Sessions>> {
        self.notice_deletion();
        let edition = ini::edition();
        if let (Some(sessions), Some((chosen, path))) = (&self.current, &self.chosen_by) {
            if *chosen == edition && **path == *save_path {
                return Ok(Rc::clone(sessions));
            }
        }
        let values = ini::values();
        // It names the default directory, which an embedded store with a directory of its own does without.
        let relevant = values.first().is_none_or(|store| !store.trim().starts_with("embedded://"));
        let text = if relevant { String::from_utf8_lossy(save_path).into_owned() } else { String::new() };
        let raw = Raw { values, save_path: text };
        let sessions = self.sessions_of(raw)?;
        self.current = Some(Rc::clone(&sessions));
        self.chosen_by = Some((edition, save_path.into()));
        Ok(sessions)
    }

    /// The store that these settings mean; opened if need be.
    fn sessions_of(&mut self, raw: Raw) -> Result<Rc<Sessions>> {
        if let Some(sessions) = self.opened.get(&raw) {
            return Ok(Rc::clone(sessions));
        }
        if self.opened.len() >= MOST_OPENED {
            // Each has a file open, and an application may make up settings with every request.
            self.opened.retain(|_, sessions| Rc::strong_count(sessions) > 1);
        }
        let sessions = Rc::new(Sessions::open(&Settings::parse(&raw)?)?);
        self.opened.insert(raw, Rc::clone(&sessions));
        Ok(sessions)
    }

    /// The store in use; opened by the settings alone if no session was started yet.
    pub fn sessions(&mut self) -> Result<Rc<Sessions>> {
        match (&self.held, &self.current) {
            (Some((sessions, _)), _) => Ok(Rc::clone(sessions)),
            (None, Some(current)) if self.is_open => Ok(Rc::clone(current)),
            _ => self.sessions_for(&ini::save_path()),
        }
    }

    /// Notes an id that PHP has just made from `id.len()` characters of 4, 5 or 6 random bits each.
    pub fn made(&mut self, id: &[u8]) {
        self.fresh = is_unguessable(id).then(|| id.into());
    }

    /// Whether a session exists, for strict mode. The answer is kept for the read that follows.
    pub fn validate(&mut self, id: &[u8], read_only: bool) -> bool {
        if self.fresh.as_deref() == Some(id) || self.succession.awaits(id) {
            return false;
        }
        let Ok(parsed) = SessionId::parse(id) else { return false };
        if let Some((sessions, held)) = &self.held {
            if held.id() == id {
                // Opened in this request: it is ours, written or not.
                return true;
            }
            // `session_create_id()` looks at another id while a session is in use, and only looks.
            let sessions = Rc::clone(sessions);
            return self.keep(sessions.begin(parsed, Access::ReadOnly)).flatten().is_some_and(|found| found.exists());
        }
        let sessions = self.sessions();
        let Some(sessions) = self.keep(sessions) else { return true };
        if let Some((_, held)) = self.lent(&sessions, id) {
            // The read that follows takes it over.
            return held.exists();
        }
        self.let_go_unopened();
        let access = if read_only { Access::ReadOnly } else { Access::ExclusiveIfExists };
        let begun = sessions.begin(parsed, access);
        match self.keep(begun) {
            // Locked by others for too long, or the store failed: saying no would give the visitor a new, empty
            // session. The read says what is wrong.
            None => true,
            Some(Some(mut held)) if held.exists() => {
                // An id that leads to another counts as unknown, and the other is what PHP gets as a new one.
                let led = self.succession.offer(held.take_its_own_id());
                self.held = Some((sessions, held));
                !led
            }
            Some(_) => false,
        }
    }

    fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.failure = Some(error)).ok()
    }

    /// Reads a session, and holds it until it is closed.
    pub fn read(&mut self, id: &[u8], read_only: bool) -> Result<Vec<u8>> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        self.inherited = None;
        let parsed = SessionId::parse(id)?;
        if self.take_up_heir(parsed)? {
            return Ok(Vec::new());
        }
        if let Some((sessions, held)) = &mut self.held {
            if held.id() == id {
                if let Some(payload) = held.take_payload() {
                    return Ok(payload);
                }
                // Once more in the same request (`session_reset()`): as the store has it.
                return sessions.reread(held);
            }
        }
        self.release();
        let fresh = self.fresh.take().is_some_and(|fresh| *fresh == *id);
        let access = match (read_only, fresh) {
            (true, _) => Access::ReadOnly,
            (false, true) => Access::Fresh,
            (false, false) => Access::Exclusive,
        };
        let sessions = self.sessions()?;
        if read_only {
            if let Some((sessions, held)) = self.lent(&sessions, id) {
                return sessions.reread(held);
            }
        } else if let Some((object, sessions, mut held)) = self.take_from_objects(&sessions, id) {
            self.heir = Some(object);
            let payload = sessions.reread(&mut held);
            self.held = Some((sessions, held));
            return payload;
        }
        self.let_go_unopened();
        let Some(mut held) = sessions.begin(parsed, access)? else { return Ok(Vec::new()) };
        let payload = held.take_payload().unwrap_or_default();
        self.held = Some((sessions, held));
        Ok(payload)
    }

    /// Notes that PHP has still to take what was read.
    pub fn untaken(&mut self) {
        self.unread = true;
    }

    /// Notes that PHP has taken what was read, and keeps that.
    pub fn taken(&mut self, payload: Vec<u8>) {
        self.unread = false;
        if let Some((sessions, held)) = &mut self.held {
            sessions.give_back(held, payload);
        }
    }

    /// Carries out what a callback wants of a session: the one in use, or another, which is locked just for that.
    pub fn commit(&mut self, id: &[u8], intent: Intent<'_>, lifetime: i64) -> Result<()> {
        if self.inherited.as_deref() == Some(id) {
            return Ok(());
        }
        if let Some((sessions, held)) = &mut self.held {
            if held.id() == id {
                if self.unread && !matches!(intent, Intent::Destroy) {
                    return Err(Error::new(
                        ErrorKind::Full,
                        "PHP had no memory to read the session (memory_limit), so it was not written over",
                    ));
                }
                return sessions.commit(held, intent, lifetime, &OfRequest);
            }
        }
        let sessions = self.sessions()?;
        if let Some((sessions, held)) = self.lent(&sessions, id) {
            return sessions.commit(held, intent, lifetime, &OfRequest);
        }
        let Some(mut held) = sessions.begin(SessionId::parse(id)?, Access::Exclusive)? else { return Ok(()) };
        let committed = sessions.commit(&mut held, intent, lifetime, &OfRequest);
        sessions.release(held);
        committed
    }

    /// Lets go of the session in use.
    pub fn close(&mut self) {
        self.is_open = false;
        self.unread = false;
        self.inherited = None;
        self.fresh = None;
        self.failure = None;
        self.release();
    }

    fn release(&mut self) {
        let heir = self.heir.take();
        let Some((sessions, held)) = self.held.take() else { return };
        match heir.filter(|heir| self.objects.get(heir).is_some_and(Object::is_open)) {
            Some(heir) => self.leave_to(heir, sessions, held),
            None => self.last = Some(sessions.release(held)),
        }
    }

    /// The id of the session in use, which is not what it was asked for by where another id led there.
    pub fn id(&self) -> Option<&[u8]> {
        self.held.as_ref().map(|(_, held)| held.own_id())
    }

    /// How the session in use, or the one closed last, fares.
    pub fn last(&self) -> Option<Report> {
        self.held.as_ref().map(|(_, held)| held.report).or(self.last)
    }
}
