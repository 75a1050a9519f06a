//! The locks in the table of locks that requests of this process hold.

use std::time::Instant;

use parking_lot::Mutex;

use super::locks::YOUNG;
use crate::record::SessionId;

/// The locks held.
#[derive(Debug, Default)]
pub(super) struct Held {
    locks: Mutex<Vec<Lock>>,
}

#[derive(Debug)]
struct Lock {
    token: u128,
    id: Box<[u8]>,
    /// When its end was put off last, or a little earlier.
    renewed: Instant,
    /// Found to be somebody else's.
    lost: bool,
}

impl Held {
    /// Notes a lock that was asked for at `asked`.
    pub(super) fn add(&self, token: u128, id: SessionId<'_>, asked: Instant) {
        self.locks.lock().push(Lock { token, id: id.as_bytes().into(), renewed: asked, lost: false });
    }

    /// Whether the token is one of these.
    pub(super) fn has(&self, token: u128) -> bool {
        self.locks.lock().iter().any(|lock| lock.token == token)
    }

    /// Forgets a lock.
    pub(super) fn remove(&self, token: u128) {
        self.locks.lock().retain(|lock| lock.token != token);
    }

    /// Those whose end has to be put off now.
    pub(super) fn due(&self) -> Vec<(u128, Box<[u8]>)> {
        let locks = self.locks.lock();
        let due = locks.iter().filter(|lock| !lock.lost && lock.renewed.elapsed() >= YOUNG);
        due.map(|lock| (lock.token, lock.id.clone())).collect()
    }

    /// Notes what was asked at `asked`: whether a lock is ours still, so that its end was put off.
    pub(super) fn settle(&self, token: u128, ours: bool, asked: Instant) {
        if let Some(lock) = self.locks.lock().iter_mut().find(|lock| lock.token == token) {
            lock.lost = !ours;
            lock.renewed = asked;
        }
    }

    /// Whether any is held that has to be put off some time.
    pub(super) fn any(&self) -> bool {
        self.locks.lock().iter().any(|lock| !lock.lost)
    }
}
