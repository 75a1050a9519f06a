//! Where the writers of the buffer line up before LMDB's own mutex.
//!
//! LMDB keeps writers apart by a robust mutex, which survives a holder that is killed, but not always a waiter: one that
//! is killed at the moment it was to wake takes the wake-up along, and those behind it sleep on. So nobody waits there.
//! Writers pass a gate first, a word in memory that all processes share: the lowest bit says that somebody is inside,
//! the next one that somebody waits, the rest counts those who came in.
//!
//! The gate only keeps the queue away from the mutex; it is the mutex that keeps writers apart. So whoever finds the
//! gate shut by the same one for [`PATIENCE`] goes in all the same: that one was killed inside, or has lost the
//! processor, and then the mutex knows.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::shared::{futex_wait, futex_wake};

const INSIDE: u32 = 1;
const WAITING: u32 = 2;
const ONE: u32 = 4;

/// How long a writer waits for the one inside. A transaction takes microseconds.
const PATIENCE: Duration = Duration::from_millis(20);
/// Looks before it sleeps, each with a pause of the processor: about a microsecond together.
const LOOKS: usize = 40;

/// The gate of a buffer.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a>(pub &'a AtomicU32);

/// A stay inside; dropping it opens the gate.
#[derive(Debug)]
pub struct Inside<'a> {
    word: &'a AtomicU32,
    mine: u32,
}

impl<'a> Gate<'a> {
    /// Goes in, after waiting for the one inside.
    pub fn enter(self) -> Inside<'a> {
        let word = self.0;
        let mut seen = word.load(Ordering::Relaxed);
        for _ in 0..LOOKS {
            if seen & INSIDE == 0 {
                break;
            }
            std::hint::spin_loop();
            seen = word.load(Ordering::Relaxed);
        }
        // After a sleep there may be others who still sleep, and nobody else knows of them.
        let mut waited = 0;
        loop {
            if seen & INSIDE == 0 {
                match self.shut(seen, waited) {
                    Ok(inside) => return inside,
                    Err(now) => seen = now,
                }
                continue;
            }
            if seen & WAITING == 0 {
                match word.compare_exchange_weak(seen, seen | WAITING, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => seen |= WAITING,
                    Err(now) => {
                        seen = now;
                        continue;
                    }
                }
            }
            waited = WAITING;
            let woken = futex_wait(word, seen, PATIENCE);
            let now = word.load(Ordering::Relaxed);
            if !woken && now == seen {
                if let Ok(inside) = self.shut(seen, waited) {
                    return inside;
                }
            }
            seen = word.load(Ordering::Relaxed);
        }
    }

    /// Shuts the gate behind oneself, if it is as it was `seen`.
    fn shut(self, seen: u32, waited: u32) -> Result<Inside<'a>, u32> {
        let mine = ((seen & !(INSIDE | WAITING)).wrapping_add(ONE)) | INSIDE;
        self.0
            .compare_exchange(seen, mine | waited | seen & WAITING, Ordering::Acquire, Ordering::Relaxed)
            .map(|_| Inside { word: self.0, mine })
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut seen = self.word.load(Ordering::Relaxed);
        // Somebody lost patience and went in: the gate is theirs now.
        while seen & !WAITING == self.mine {
            match self.word.compare_exchange_weak(seen, seen & !(INSIDE | WAITING), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => {
                    if seen & WAITING != 0 {
                        futex_wake(self.word, 1);
                    }
                    return;
                }
                Err(now) => seen = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn everybody_gets_in_and_leaves_it_open() {
        let (word, entered) = (AtomicU32::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        let _inside = Gate(&word).enter();
                        entered.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(entered.into_inner(), 40_000);
        assert_eq!(word.into_inner() & INSIDE, 0);
    }

    #[test]
    fn who_never_comes_out_is_passed_by_after_a_while() {
        let word = AtomicU32::new(0);
        let killed = Gate(&word).enter();
        let begun = Instant::now();
        let next = Gate(&word).enter();
        assert!(begun.elapsed() >= PATIENCE);
        // The one given up comes out after all, and must not open the gate of the other.
        drop(killed);
        assert_eq!(word.load(Ordering::SeqCst) & INSIDE, INSIDE);
        drop(next);
        assert_eq!(word.load(Ordering::SeqCst) & INSIDE, 0);
    }

    #[test]
    fn a_killed_waiter_costs_the_others_their_patience_at_most() {
        // A waiter that was woken and killed before it went in: the gate is open, and another one still sleeps.
        let word = AtomicU32::new(0);
        let inside = Gate(&word).enter();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| drop(Gate(&word).enter()));
            while word.load(Ordering::SeqCst) & WAITING == 0 {
                std::thread::yield_now();
            }
            // The gate opens, and the wake-up is lost.
            word.fetch_and(!(INSIDE | WAITING), Ordering::SeqCst);
            sleeper.join().unwrap();
        });
        drop(inside);
        assert_eq!(word.into_inner() & INSIDE, 0);
    }
}
