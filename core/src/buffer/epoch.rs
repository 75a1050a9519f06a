//! Which buffer is the newest, and who has changes in one that the store lacks.
//!
//! A buffer can be deleted behind our back. Whoever has it open goes on with a new one and carries over what the store
//! lacks; whoever has not must not make a new one before that, or it would show sessions as they were at the last
//! flush. So every buffer has an epoch, a number that grows with each one made, and a process that has put something
//! unflushed into the buffer of an epoch holds a shared lock on that epoch's byte of the file `owner` until its
//! background thread has seen everything flushed. That thread comes by every few seconds at least, notices a deleted
//! buffer, and carries over, so nobody waits for long.
//!
//! Whether a buffer was deleted costs a system call to see, so it is looked at once a second only, and when the first change
//! since a flush was made: as long as nobody makes a new one, those who have the old one open go on with it together. What
//! they change meanwhile is lost only if all who have made such changes are killed before the next look. Who makes a new one
//! first notes the epochs of all before it as retired, in memory that all processes look at with each use of the buffer.
//!
//! A process may also have slept while a second buffer was made, used, and deleted in turn. What it would carry over is
//! outdated if anything of that second one was brought to the store; so the newest buffer of which anything was is noted
//! too, and nothing is carried over from older ones.

use std::sync::atomic::Ordering;

use crate::owner::Owner;
use crate::shared::Shared;

/// What a process that wants to make a buffer knows.
#[derive(Debug, Clone, Copy)]
pub struct Epochs<'a> {
    /// The users of the store.
    pub owner: &'a Owner,
    /// Where the newest epoch stands.
    pub shared: &'a Shared,
    /// The epoch of the buffer this process has open, whose changes it carries over.
    pub mine: Option<u64>,
}

impl Epochs<'_> {
    /// Whether nobody has changes in a buffer that is newer than this process's own. Runs under the open-lock.
    pub fn may_make(&self) -> bool {
        let newest = self.shared.epoch().load(Ordering::Relaxed);
        let newer = self.mine.map_or(0, |mine| mine + 1);
        newer > newest || !self.owner.has_changes(newer, newest)
    }

    /// Whether what this process's own buffer has may be newer than what the store has. Runs under the open-lock.
    pub fn may_carry_over(&self) -> bool {
        self.mine.is_some_and(|mine| mine >= self.shared.flushed_epoch().load(Ordering::SeqCst))
    }

    /// Tells those who have a buffer open that it was deleted, whichever it is. Runs under the open-lock.
    pub fn retire(&self) {
        let newest = self.shared.epoch().load(Ordering::Relaxed);
        // In one order with what others change in their buffers: such a change is found by who looks for it afterwards,
        // or who made it finds this.
        self.shared.retired_epoch().fetch_max(newest, Ordering::SeqCst);
    }

    /// Counts one more buffer; returns its epoch. Runs under the open-lock.
    pub fn advance(&self) -> u64 {
        self.note(self.shared.retired_epoch().load(Ordering::Relaxed));
        self.shared.epoch().fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes note of a buffer that is there.
    pub fn note(&self, epoch: u64) {
        self.shared.epoch().fetch_max(epoch, Ordering::Relaxed);
    }
}
