//! One id that takes the place of another: `session_regenerate_id(true)` with `rustdb.regenerate_grace`.
//!
//! PHP destroys the old session, closes and opens the handler, asks it for a new id, and reads that. rustdb makes the new id
//! when the old session is destroyed, so that one can lead to the other at once, and gives it to PHP when it asks. In the
//! same way strict mode, which refuses an id that only leads somewhere, gets the id it leads to.

use std::rc::Rc;

use rustdb_core::error::Result;
use rustdb_core::record::{MAX_ID_LENGTH, SessionId};
use rustdb_core::sessions::{Held, Intent, Sessions};

use super::{Thread, is_unguessable};

/// What replaces an id.
#[derive(Default)]
pub struct Succession {
    /// The id that PHP gets when it asks for a new one.
    next: Option<Box<[u8]>>,
    /// The session that was handed over to it, until PHP reads it.
    heir: Option<(Rc<Sessions>, Held)>,
}

impl Succession {
    /// Whether this is the id of a session that was handed over and waits for PHP to read it.
    pub fn awaits(&self, id: &[u8]) -> bool {
        self.heir.as_ref().is_some_and(|(_, heir)| heir.id() == id)
    }

    /// Gives PHP this id, if there is one, when it next asks for a new one.
    pub fn offer(&mut self, id: Option<&[u8]>) -> bool {
        self.next = id.map(Box::from);
        self.next.is_some()
    }
}

impl Thread {
    /// Whether an id that takes the place of this one is told to those who come by the old one.
    pub fn has_successor(&self, id: &[u8]) -> bool {
        let held = self.held.as_ref().filter(|_| !self.unread);
        held.is_some_and(|(sessions, held)| sessions.has_grace() && held.exists() && held.id() == id)
    }

    /// Ends the session in use, and has `new` take its place where that is possible.
    pub fn hand_over(&mut self, id: &[u8], new: &[u8]) -> Result<()> {
        self.let_go_of_heir();
        if let Some((sessions, held)) = &mut self.held {
            if let Some(heir) = sessions.hand_over(held, SessionId::parse(new)?, is_unguessable(new))? {
                self.succession = Succession { next: Some(new.into()), heir: Some((Rc::clone(sessions), heir)) };
                return Ok(());
            }
        }
        self.commit(id, Intent::Destroy, 0)
    }

    /// The id that PHP is to get as a new one, and its length.
    pub fn next_id(&mut self) -> Option<([u8; MAX_ID_LENGTH], usize)> {
        let next = self.succession.next.take()?;
        let mut id = [0; MAX_ID_LENGTH];
        id.get_mut(..next.len())?.copy_from_slice(&next);
        Some((id, next.len()))
    }

    /// Takes the session that was handed over into use, if there is one; to PHP it is a new one.
    pub(super) fn take_up_heir(&mut self, id: SessionId<'_>) -> Result<bool> {
        self.succession.next = None;
        let Some((sessions, mut heir)) = self.succession.heir.take() else { return Ok(false) };
        if heir.id() != id.as_bytes() {
            // A handler of the application's makes its ids itself.
            match sessions.hand_over(&mut heir, id, false) {
                Ok(Some(next)) => {
                    sessions.release(heir);
                    heir = next;
                }
                not => {
                    sessions.discard(heir);
                    return not.map(|_| false);
                }
            }
        }
        heir.take_payload();
        self.release();
        self.held = Some((sessions, heir));
        Ok(true)
    }

    /// Whether something waits that PHP has not come for yet.
    pub fn has_heir(&self) -> bool {
        self.succession.heir.is_some() || self.succession.next.is_some()
    }

    /// Lets go of a session that was handed over and that PHP did not come for.
    pub fn let_go_of_heir(&mut self) {
        if let Some((sessions, heir)) = std::mem::take(&mut self.succession).heir {
            sessions.release(heir);
        }
    }
}
