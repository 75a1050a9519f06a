//! What objects of `Rustdb\SessionHandler` have in use, and how they share it with PHP's own session of the request.
//!
//! Whoever has a session in this thread, the handler of PHP or any of the objects, has it for all of them: the others
//! read and write through the one who has it, so that no request waits for itself. An object that was opened, as PHP
//! opens a handler, keeps its session until it is closed, also when PHP's own session had it meanwhile. One that was
//! not, as Laravel's, keeps the session that was read last until it is written or destroyed. A read that would make this
//! thread wait while it has a session locked takes no lock: two requests that read the same two sessions in different
//! order never wait for each other.

use std::rc::Rc;

use rustdb_core::config::Raw;
use rustdb_core::error::{Error, Result};
use rustdb_core::record::{SessionId, now};
use rustdb_core::sessions::{Held, Intent, Sessions};
use rustdb_core::store::Access;

use super::Thread;
use crate::client::OfRequest;

/// The address of an object, which is its own as long as it lives.
pub type ObjectId = usize;

/// One object.
#[derive(Default)]
pub struct Object {
    /// Its own settings; without any, those of php.ini count.
    settings: Option<Raw>,
    /// The store of `settings`, and when it was last seen to be where its name says.
    store: Option<(Rc<Sessions>, i64)>,
    /// Between `open()` and `close()`.
    opened: bool,
    /// The id made last.
    fresh: Option<Box<[u8]>>,
    /// The failure of a validation, which the read that follows reports.
    failure: Option<Error>,
    /// The id it had in use when this process was forked: its session is the parent's.
    inherited: Option<Box<[u8]>>,
}

/// A session in use.
pub struct Lent {
    object: ObjectId,
    /// Opened ones that have it in use as well, and keep it when that one lets go.
    others: Vec<ObjectId>,
    sessions: Rc<Sessions>,
    held: Held,
}

fn same_store(one: &Rc<Sessions>, other: &Rc<Sessions>) -> bool {
    Rc::ptr_eq(one, other) || one.host().directory() == other.host().directory()
}

impl Object {
    pub(super) fn is_open(&self) -> bool {
        self.opened
    }

    pub(super) fn store(&self) -> Option<&Rc<Sessions>> {
        self.store.as_ref().map(|(sessions, _)| sessions)
    }

    /// Of what the parent opened nothing is used in a child, and nothing closed.
    fn forked(&mut self) {
        std::mem::forget(self.store.take());
    }
}

impl Thread {
    fn object(&mut self, object: ObjectId) -> &mut Object {
        self.objects.entry(object).or_default()
    }

    /// Gives an object settings of its own.
    pub fn object_made(&mut self, object: ObjectId, settings: Option<Raw>) {
        self.object_gone(object);
        self.object(object).settings = settings;
    }

    /// The object is no more.
    pub fn object_gone(&mut self, object: ObjectId) {
        self.let_go_all_of(object);
        self.objects.remove(&object);
    }

    /// The store of an object.
    pub fn object_sessions(&mut self, object: ObjectId) -> Result<Rc<Sessions>> {
        let Some(settings) = self.object(object).settings.clone() else { return self.sessions() };
        let now = now();
        if let Some((sessions, seen)) = &mut self.object(object).store {
            if *seen == now || !sessions.is_unlinked() {
                *seen = now;
                return Ok(Rc::clone(sessions));
            }
            sessions.host().forget();
            self.opened.remove(&settings);
        }
        let sessions = self.sessions_of(settings)?;
        self.object(object).store = Some((Rc::clone(&sessions), now));
        Ok(sessions)
    }

    /// From now on the object keeps a session until it is closed.
    pub fn object_open(&mut self, object: ObjectId) -> Result<()> {
        let state = self.object(object);
        state.fresh = None;
        state.failure = None;
        self.object_sessions(object)?;
        self.object(object).opened = true;
        Ok(())
    }

    /// Lets go of what the object has.
    pub fn object_close(&mut self, object: ObjectId) {
        self.let_go_all_of(object);
        let state = self.object(object);
        *state = Object { settings: state.settings.take(), store: state.store.take(), ..Object::default() };
    }

    /// Whether the object was opened.
    pub fn object_is_open(&mut self, object: ObjectId) -> bool {
        self.object(object).opened
    }

    /// Notes an id that was made a moment ago.
    pub fn object_made_id(&mut self, object: ObjectId, id: &[u8]) {
        self.object(object).fresh = super::is_unguessable(id).then(|| id.into());
    }

    /// Whether a session exists. Between `open()` and `close()` the answer is kept, and the session locked, for the
    /// read that follows.
    pub fn object_validate(&mut self, object: ObjectId, id: &[u8], read_only: bool) -> Result<bool> {
        if self.object(object).fresh.as_deref() == Some(id) {
            return Ok(false);
        }
        let Ok(parsed) = SessionId::parse(id) else { return Ok(false) };
        let opened = self.object(object).opened;
        let validated = self.object_sessions(object).and_then(|sessions| {
            if let Some((_, held)) = self.in_use(&sessions, id) {
                // What was opened in this request is ours, written or not.
                return Ok(opened || held.exists());
            }
            let may_lock = opened && !read_only && !self.has_locks();
            let access = if may_lock { Access::ExclusiveIfExists } else { Access::ReadOnly };
            let Some(held) = sessions.begin(parsed, access)? else { return Ok(false) };
            let exists = held.exists();
            match may_lock && exists {
                true => self.lent.push(Lent { object, others: Vec::new(), sessions, held }),
                false => self.last = Some(sessions.release(held)),
            }
            Ok(exists)
        });
        match validated {
            // Saying no would give the visitor a new, empty session. The read says what is wrong.
            Err(error) if opened => {
                self.object(object).failure = Some(error);
                Ok(true)
            }
            validated => validated,
        }
    }

    /// Reads a session, and holds it as the head of this file says.
    pub fn object_read(&mut self, object: ObjectId, id: &[u8], read_only: bool) -> Result<Vec<u8>> {
        let state = self.object(object);
        let opened = state.opened;
        state.inherited = None;
        if let Some(error) = state.failure.take() {
            return Err(error);
        }
        let fresh = state.fresh.take_if(|fresh| **fresh == *id).is_some();
        let parsed = SessionId::parse(id)?;
        let sessions = self.object_sessions(object)?;
        if let Some(place) = self.lent.iter().position(|lent| lent.is(&sessions, id)) {
            let lent = &mut self.lent[place];
            if opened && lent.object != object {
                // Kept until this one is closed, then, and whoever was opened and read it first.
                let first = std::mem::replace(&mut lent.object, object);
                lent.others.retain(|other| *other != object);
                lent.others.extend(self.objects.get(&first).filter(|first| first.opened).map(|_| first));
            }
            return match lent.held.take_payload() {
                Some(payload) => Ok(payload),
                None => lent.sessions.reread(&mut lent.held),
            };
        }
        if let Some((sessions, held)) = self.in_use(&sessions, id) {
            let payload = sessions.reread(held);
            if opened {
                self.heir = Some(object);
            }
            return payload;
        }
        if !opened {
            self.let_go_unopened();
        }
        let access = match (read_only || self.has_locks(), fresh && opened) {
            (true, _) => Access::ReadOnly,
            (false, true) => Access::Fresh,
            (false, false) => Access::Exclusive,
        };
        let Some(mut held) = sessions.begin(parsed, access)? else { return Ok(Vec::new()) };
        let payload = held.take_payload().unwrap_or_default();
        match access {
            Access::ReadOnly => self.last = Some(sessions.release(held)),
            _ => self.lent.push(Lent { object, others: Vec::new(), sessions, held }),
        }
        Ok(payload)
    }

    /// Notes that PHP has taken what an opened object read, and keeps that, for PHP's session, to tell what has changed.
    pub fn object_taken(&mut self, object: ObjectId, id: &[u8], payload: Vec<u8>) {
        let opened = self.object(object).opened;
        let lent = self.lent.iter_mut().find(|lent| opened && lent.object == object && lent.held.id() == id);
        if let Some(lent) = lent {
            lent.sessions.give_back(&mut lent.held, payload);
        }
    }

    /// Carries out what an object wants of a session: one in use in this thread, or another, which is locked just for
    /// that.
    pub fn object_commit(&mut self, object: ObjectId, id: &[u8], intent: Intent<'_>, lifetime: i64) -> Result<()> {
        let state = self.object(object);
        if state.opened && state.inherited.as_deref() == Some(id) {
            return Ok(());
        }
        let parsed = SessionId::parse(id)?;
        let sessions = self.object_sessions(object)?;
        let committed = match self.in_use(&sessions, id) {
            Some((sessions, held)) => sessions.commit(held, intent, lifetime, &OfRequest),
            None => {
                let Some(mut held) = sessions.begin(parsed, Access::Exclusive)? else { return Ok(()) };
                let committed = sessions.commit(&mut held, intent, lifetime, &OfRequest);
                self.last = Some(sessions.release(held));
                committed
            }
        };
        // Nobody closes what nobody opened, so the write is its end.
        let objects = std::mem::take(&mut self.objects);
        self.let_go(|lent| lent.is(&sessions, id) && !objects.get(&lent.object).is_some_and(|object| object.opened));
        self.objects = objects;
        committed
    }

    /// The session if anybody in this thread has it in use.
    fn in_use(&mut self, sessions: &Rc<Sessions>, id: &[u8]) -> Option<(&Rc<Sessions>, &mut Held)> {
        match &mut self.held {
            Some((of, held)) if held.id() == id && held.may_write() && same_store(of, sessions) => Some((of, held)),
            _ => {
                let lent = self.lent.iter_mut().find(|lent| lent.is(sessions, id))?;
                Some((&lent.sessions, &mut lent.held))
            }
        }
    }

    fn has_locks(&self) -> bool {
        !self.lent.is_empty() || self.held.as_ref().is_some_and(|(_, held)| held.may_write())
    }

    /// PHP's own handler is about to use a session: if an object has it, it is PHP's until PHP lets go of it.
    pub(super) fn take_from_objects(
        &mut self,
        sessions: &Rc<Sessions>,
        id: &[u8],
    ) -> Option<(ObjectId, Rc<Sessions>, Held)> {
        let place = self.lent.iter().position(|lent| lent.is(sessions, id))?;
        let lent = self.lent.swap_remove(place);
        Some((lent.object, lent.sessions, lent.held))
    }

    /// PHP's own handler lets go of a session that an opened object has in use as well.
    pub(super) fn leave_to(&mut self, object: ObjectId, sessions: Rc<Sessions>, held: Held) {
        self.last = Some(held.report);
        self.lent.push(Lent { object, others: Vec::new(), sessions, held });
    }

    /// A session that an object has, for what PHP's own handler wants of it besides its own one.
    pub(super) fn lent(&mut self, sessions: &Rc<Sessions>, id: &[u8]) -> Option<(&Rc<Sessions>, &mut Held)> {
        let lent = self.lent.iter_mut().find(|lent| lent.is(sessions, id))?;
        Some((&lent.sessions, &mut lent.held))
    }

    /// Lets go of what nobody will close.
    pub(super) fn let_go_unopened(&mut self) {
        if !self.lent.is_empty() {
            let objects = std::mem::take(&mut self.objects);
            self.let_go(|lent| !objects.get(&lent.object).is_some_and(|object| object.opened));
            self.objects = objects;
        }
    }

    /// The end of a request: no object is left, and no lock.
    pub(super) fn end_of_objects(&mut self) {
        self.let_go(|_| true);
        self.objects.clear();
    }

    /// What the parent has in use is neither used nor let go in a child.
    pub(super) fn forget_objects_of_parent(&mut self) {
        self.objects.values_mut().for_each(Object::forked);
        if let Some(object) = self.heir.take().and_then(|heir| self.objects.get_mut(&heir)) {
            object.inherited.clone_from(&self.inherited);
        }
        for lent in self.lent.drain(..) {
            if let Some(object) = self.objects.get_mut(&lent.object) {
                object.inherited = Some(lent.held.id().into());
            }
            std::mem::forget(lent);
        }
    }

    fn let_go_all_of(&mut self, object: ObjectId) {
        self.heir.take_if(|heir| *heir == object);
        for lent in &mut self.lent {
            lent.others.retain(|other| *other != object);
            if lent.object == object {
                lent.object = lent.others.pop().unwrap_or(object);
            }
        }
        self.let_go(|lent| lent.object == object);
    }

    fn let_go(&mut self, whose: impl Fn(&Lent) -> bool) {
        let mut place = 0;
        while let Some(lent) = self.lent.get(place) {
            if whose(lent) {
                let lent = self.lent.swap_remove(place);
                self.last = Some(lent.sessions.release(lent.held));
            } else {
                place += 1;
            }
        }
    }
}

impl Lent {
    fn is(&self, sessions: &Rc<Sessions>, id: &[u8]) -> bool {
        self.held.id() == id && same_store(&self.sessions, sessions)
    }
}
