//! The leases that requests of this process hold.
//!
//! A lease is the session's lock key with our token in it, and lives for [`LIFE`] only, so that a machine that dies
//! frees its sessions soon; [`crate::store::Backend::maintain`] prolongs it for as long as its request runs.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::record::{SessionId, Version, now};

/// How long a lease lives without being prolonged.
pub const LIFE: Duration = Duration::from_secs(5);
/// A lease younger than this is not prolonged yet: most requests are over by then.
const YOUNG: Duration = Duration::from_millis(500);
/// For how many seconds after it was last known to be ours a lease that nobody has may be taken again: well below the
/// life of a tombstone.
const RECENT: i64 = 60;

/// The leases held.
#[derive(Debug, Default)]
pub struct Leases {
    held: Mutex<Vec<Held>>,
}

#[derive(Debug)]
struct Held {
    token: u128,
    id: Box<[u8]>,
    /// What the session was when it was read.
    seen: Option<Version>,
    /// When it was ours for certain.
    ours: Instant,
    /// The same by the clock on the wall, which goes on while the machine is suspended.
    ours_at: i64,
    /// Found lost.
    lost: bool,
}

/// The text of a token in the lock key; the first 16 digits are the machine's, as begin.lua knows. No lock of phpredis looks so: it writes `HOST|PID`, or 32 hexadecimal digits
/// (redis_session.c: `lock_acquire`, `generate_lock_secret`).
pub fn text(token: u128) -> String {
    format!("rustdb:{token:032x}")
}

/// Whether a lock is one of rustdb's, so that whoever waits for it is told when it is let go.
pub fn is_lease(holder: &[u8]) -> bool {
    holder.starts_with(b"rustdb:")
}

impl Leases {
    /// Notes a lease that was just taken.
    pub fn add(&self, token: u128, id: SessionId<'_>, seen: Option<Version>) {
        let id = id.as_bytes().into();
        self.held.lock().push(Held { token, id, seen, ours: Instant::now(), ours_at: now(), lost: false });
    }

    /// Forgets a lease.
    pub fn remove(&self, token: u128) {
        self.held.lock().retain(|held| held.token != token);
    }

    /// What the session was when it was read, for a lease that was ours a short time ago.
    pub fn seen(&self, token: u128) -> Option<Option<Version>> {
        let held = self.held.lock();
        let lease = held.iter().find(|held| held.token == token)?;
        (now() - lease.ours_at <= RECENT).then_some(lease.seen)
    }

    /// Those that have to be prolonged now.
    pub fn due(&self) -> Vec<(u128, Box<[u8]>)> {
        let held = self.held.lock();
        let due = held.iter().filter(|held| !held.lost && held.ours.elapsed() >= YOUNG);
        due.map(|held| (held.token, held.id.clone())).collect()
    }

    /// Notes whether a lease was prolonged.
    pub fn settle(&self, token: u128, ours: bool) {
        if let Some(held) = self.held.lock().iter_mut().find(|held| held.token == token) {
            if ours {
                (held.ours, held.ours_at) = (Instant::now(), now());
            } else {
                held.lost = true;
            }
        }
    }

    /// Whether any is held that has to be prolonged.
    pub fn any(&self) -> bool {
        self.held.lock().iter().any(|held| !held.lost)
    }
}
