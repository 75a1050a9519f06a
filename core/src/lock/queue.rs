//! Where requests sleep until the session they want is let go.
//!
//! A table of 32-bit words in memory that all processes share; a lock's number picks its word. The lowest bit of a
//! word says that somebody sleeps, the rest counts releases. A waiter sets the bit, looks at the lock once more and
//! sleeps on the word ([`futex_wait`]). Who lets go
//! and finds the bit set adds one, which clears the bit and changes the count, and wakes all who sleep there; the
//! few who wait for another lock that shares the word look, and sleep again. Without waiters a release is one load of memory and no system call.
//!
//! Nobody depends on being woken: a killed holder wakes nobody, so everyone looks again every 100 ms.
//! A killed waiter leaves the bit behind, which costs the next release one system call and is gone then.

use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::Duration;

use crate::shared::{Shared, futex_wait, futex_wake};

/// The longest sleep before a waiter looks at the lock again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A place in the queue for one lock.
#[derive(Debug, Clone, Copy)]
pub struct Ticket<'a> {
    word: &'a AtomicU32,
}

impl<'a> Ticket<'a> {
    /// The queue of the lock with this number.
    pub fn new(shared: &'a Shared, number: u64) -> Ticket<'a> {
        let words = shared.queue();
        Ticket { word: &words[(number % words.len() as u64) as usize] }
    }

    /// Announces a waiter; to be called before the lock is tried.
    pub fn draw(&self) -> u32 {
        let drawn = self.word.fetch_or(1, Ordering::SeqCst) | 1;
        fence(Ordering::SeqCst);
        drawn
    }

    /// Sleeps until the lock may be free, at most `limit`.
    pub fn sleep(&self, drawn: u32, limit: Duration) {
        // Every outcome (woken, changed, timed out, interrupted) leads to another look at the lock.
        futex_wait(self.word, drawn, limit.min(LOOK_AGAIN));
    }

    /// Wakes the waiters of this lock, if there are any; to be called after the lock was let go.
    pub fn wake(&self) {
        fence(Ordering::SeqCst);
        let word = self.word.load(Ordering::SeqCst);
        if word & 1 == 0 {
            return;
        }
        // If the word has changed, another release came first and wakes everybody; a waiter who drew before that
        // finds the word changed and does not sleep.
        if self.word.compare_exchange(word, word.wrapping_add(1), Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return;
        }
        futex_wake(self.word, i32::MAX);
    }
}
