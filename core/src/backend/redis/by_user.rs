//! Whose sessions they are: for each user a sorted set of session ids, with the end of each as its score.
//!
//! A session's key has no room for its user, as it is phpredis's. So a commit that knows the user notes the session in the
//! user's set, beside the change and in the same round trip: what is there is a hint, and no more. It is made whether the
//! change is carried out or not, and stays when the session ends or becomes somebody else's, because who that is costs no
//! round trip to find out; whoever lists sessions looks at each of them, and removes what is gone or somebody else's; a
//! session that names nobody stays, as another site on this server may read it in another way. So a
//! hint may be too many, and may be missing for a while: where it was lost (an eviction, a flush, a failure, which is noted
//! and fails nothing), the next write or touch of the session makes it again. On one server it comes after the change, so
//! whoever finds it finds the change; in a cluster it may come a moment before it (beside.rs), and be lost to somebody who
//! lists the user's sessions just then.
//!
//! A set ends with the last of its sessions, and whoever adds one to it removes those that are over. So it has no
//! more members than the user had sessions within one lifetime.

use std::collections::HashSet;

use redis::Value;

use super::begin::{Look, Looking};
use super::script::{Call, FORGET, HINT, HINTS};
use super::{End, Redis};
use crate::error::{Error, Result};
use crate::record::SessionId;
use crate::store::{ByUser, Change, Listed, Whose};
use crate::visitor::{User, Visitor};

/// How many hints are read at once: as many as anybody wants, so that one that is made meanwhile moves none of the others.
const PAGE: usize = 1000;
/// How many sessions are looked at in one round trip. Their payloads come with it.
const AT_ONCE: usize = 32;

/// A session that may be the user's.
struct Hint {
    id: Vec<u8>,
    /// As the server wrote it.
    score: Vec<u8>,
}

/// Where a hint leads to.
enum Led {
    /// To a session of the user's.
    Listed(Listed),
    /// To none of the user's.
    Astray,
    /// To one that names nobody who can be read here.
    Unread,
}

impl Redis {
    /// The call that notes whose session it is, where a change says so.
    pub(super) fn hint_of(&self, id: SessionId<'_>, change: Change<'_>) -> Option<Call<'static>> {
        match change {
            Change::Write(record) => self.hint(id, &record.visitor, End::of(record.expires)),
            Change::Touch(expires, visitor) => self.hint(id, visitor, End::of(expires)),
            Change::None | Change::Destroy => None,
        }
    }

    /// The same for a session that ends at `end`.
    pub(super) fn hint(&self, id: SessionId<'_>, visitor: &Visitor<'_>, end: End) -> Option<Call<'static>> {
        let mut call = Call::new(&HINT, Vec::new());
        self.add_hint(&mut call, id, visitor, end).then_some(call)
    }

    /// Adds a session to such a call. `false`: it is nobody's.
    pub(super) fn add_hint(&self, call: &mut Call<'_>, id: SessionId<'_>, visitor: &Visitor<'_>, end: End) -> bool {
        let User::Is(user) = visitor.user() else { return false };
        call.key(self.keys.user(&user));
        call.push(id.as_bytes().to_vec());
        call.push(end.at.to_string().into_bytes());
        call.push(end.left.to_string().into_bytes());
        true
    }

    /// Notes that hints could not be made.
    pub(super) fn note_lost_hint(&self, error: Error) {
        let message = format!("{error}; sessions go on, but are not found by their user until they are written again");
        self.notices.note(Error::new(error.kind(), message));
    }

    /// So many hints from a place on, those of sessions that end last first.
    fn hints(&self, set: &[u8], from: usize) -> Result<Vec<Hint>> {
        let call = Call::new(&HINTS, vec![set.to_vec()]).number(from as i64).number((from + PAGE - 1) as i64);
        let Value::Array(answer) = self.link.run(call, None)?.value else { return Err(self.link.strange()) };
        let mut words = answer.into_iter();
        let mut hints = Vec::with_capacity(words.len() / 2);
        while let (Some(id), Some(score)) = (words.next(), words.next()) {
            let (Value::BulkString(id), Value::BulkString(score)) = (id, score) else {
                return Err(self.link.strange());
            };
            hints.push(Hint { id, score });
        }
        Ok(hints)
    }

    /// Where hints lead to.
    fn look_at(&self, hints: &[Hint], whose: Whose<'_>) -> Result<Vec<Led>> {
        // Somebody else may have put there what is no id.
        let ids: Vec<_> = hints.iter().map(|hint| SessionId::parse(&hint.id).ok()).collect();
        let calls = ids.iter().flatten().map(|id| self.look_call(*id, 0, &Looking::default())).collect();
        let mut answers = self.link.run_all(calls, self.link.server().timeout).into_iter();
        let visitor = Visitor::new(&User::Is(whose.user.into()), None, None);
        let mut listed = Vec::with_capacity(hints.len());
        for id in ids {
            listed.push(match id {
                None => Led::Astray,
                Some(id) => {
                    let answer = answers.next().ok_or_else(|| self.link.strange())??;
                    match self.read_look(id, 0, false, answer)? {
                        Look::Record(record) => match (whose.is_theirs)(&record.payload) {
                            Some(true) => {
                                let id = id.as_bytes().into();
                                Led::Listed(Listed { id, expires: record.expires, visitor: visitor.clone() })
                            }
                            Some(false) => Led::Astray,
                            None => Led::Unread,
                        },
                        Look::Missing | Look::Held(_) => Led::Astray,
                    }
                }
            });
        }
        Ok(listed)
    }

    /// Removes hints that lead to nothing of the user's. Returns whether they are gone: if not, they lead nowhere next
    /// time either.
    fn forget(&self, set: &[u8], stale: &[&Hint]) -> bool {
        if stale.is_empty() {
            return true;
        }
        let mut call = Call::new(&FORGET, vec![set.to_vec()]);
        for hint in stale {
            call.push(hint.id.as_slice());
            call.push(hint.score.as_slice());
        }
        self.link.run(call, None).map_err(|error| self.notices.note(error)).is_ok()
    }
}

impl ByUser for Redis {
    /// What phpredis or another program wrote since has no hint, and is not found until rustdb writes or touches it.
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        let set = self.keys.user(whose.user);
        let mut found: Vec<Listed> = Vec::new();
        // One that is written meanwhile moves to another place.
        let mut seen: HashSet<Vec<u8>> = HashSet::new();
        let mut from = 0;
        loop {
            let mut hints = self.hints(&set, from)?;
            let page = hints.len();
            hints.retain(|hint| seen.insert(hint.id.clone()));
            let (mut rest, mut stale) = (hints.as_slice(), Vec::new());
            while !rest.is_empty() && found.len() < whose.limit {
                let batch;
                (batch, rest) = rest.split_at(rest.len().min(AT_ONCE).min(whose.limit - found.len()));
                for (hint, led) in batch.iter().zip(self.look_at(batch, whose)?) {
                    match led {
                        Led::Listed(listed) => found.push(listed),
                        Led::Astray => stale.push(hint),
                        Led::Unread => {}
                    }
                }
            }
            let gone = if self.forget(&set, &stale) { stale.len() } else { 0 };
            if found.len() >= whose.limit || page < PAGE {
                return Ok(found);
            }
            from += page - gone;
        }
    }
}
