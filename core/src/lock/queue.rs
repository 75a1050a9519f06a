//! Where requests sleep until the session they want is let go.
//!
//! A table of 32-bit words in memory that all processes share; a lock's number picks its word. The lowest bit of a
//! word says that somebody sleeps, the rest counts releases. A waiter sets the bit, looks at the lock once more and
//! sleeps on the word (futex(2), not private to the process, as the ones of std and parking_lot are). Who lets go
//! and finds the bit set adds one, which clears the bit and changes the count, and wakes all who sleep there; the
//! few who wait for another lock that shares the word look, and sleep again. Without waiters a release is one load of memory and no system call.
//!
//! Nobody depends on being woken: a killed holder wakes nobody, so everyone looks again every 100 ms.
//! A killed waiter leaves the bit behind, which costs the next release one system call and is gone then.

use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::Duration;

use crate::shared::Shared;

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
        let nap = limit.min(LOOK_AGAIN);
        let nap = libc::timespec { tv_sec: nap.as_secs() as _, tv_nsec: nap.subsec_nanos() as _ };
        // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC.
        // SAFETY: a zeroed timespec is valid and clock_gettime fills it.
        let until = unsafe {
            let mut now: libc::timespec = std::mem::zeroed();
            libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now);
            let nanoseconds = now.tv_nsec + nap.tv_nsec;
            libc::timespec {
                tv_sec: now.tv_sec + nap.tv_sec + nanoseconds / 1_000_000_000,
                tv_nsec: nanoseconds % 1_000_000_000,
            }
        };
        // SAFETY: the word lives as long as the mapping that `self` borrows. Every outcome (woken, changed, timed
        // out, interrupted) leads to another look at the lock.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.word.as_ptr(),
                libc::FUTEX_WAIT_BITSET,
                drawn,
                &until,
                std::ptr::null::<u32>(),
                libc::FUTEX_BITSET_MATCH_ANY,
            );
        }
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
        // SAFETY: as in `sleep`.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.word.as_ptr(),
                libc::FUTEX_WAKE,
                i32::MAX,
            );
        }
    }
}
