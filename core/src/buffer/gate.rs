//! Where the writers of the buffer line up before LMDB's own mutex.
//!
//! LMDB keeps writers apart by a robust mutex, which survives a holder that is killed, but not always a waiter: one that
//! is killed at the moment it was to wake takes the wake-up along, and those behind it sleep on. So nobody queues there:
//! writers pass a gate first, a word in memory that all processes share: the lowest bit says that somebody is inside,
//! the next one that somebody waits, the rest counts those who came in.
//!
//! The gate only keeps the queue away from the mutex; it is the mutex that keeps writers apart. So whoever finds the
//! gate shut by the same one for [`PATIENCE`] goes in all the same: that one was killed inside, or has lost the
//! processor, and then the mutex knows.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

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
        // The one inside, and when we first saw it there.
        let mut holder: Option<(u32, Instant)> = None;
        loop {
            let patience = match holder {
                _ if seen & INSIDE == 0 => Duration::ZERO,
                Some((known, since)) if known == seen & !WAITING => PATIENCE.saturating_sub(since.elapsed()),
                _ => {
                    holder = Some((seen & !WAITING, Instant::now()));
                    PATIENCE
                }
            };
            if patience.is_zero() {
                match self.shut(seen, waited) {
                    Ok(inside) => return inside,
                    Err(now) => seen = now,
                }
                continue;
            }
            if seen & WAITING == 0 {
                if let Err(now) = word.compare_exchange(seen, seen | WAITING, Ordering::Relaxed, Ordering::Relaxed) {
                    seen = now;
                    continue;
                }
                seen |= WAITING;
            }
            waited = WAITING;
            futex_wait(word, seen, patience);
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
            match self.word.compare_exchange_weak(
                seen,
                seen & !(INSIDE | WAITING),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
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
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn one_at_a_time_and_everybody_gets_in() {
        let (word, inside, entered, overlaps) = Default::default();
        let (word, inside): (AtomicU32, AtomicU32) = (word, inside);
        let (entered, overlaps): (AtomicU64, AtomicU64) = (entered, overlaps);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        let _inside = Gate(&word).enter();
                        overlaps.fetch_add(u64::from(inside.fetch_add(1, Ordering::SeqCst)), Ordering::SeqCst);
                        entered.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(entered.into_inner(), 40_000);
        assert_eq!(word.into_inner() & INSIDE, 0);
        // Where the one inside loses the processor for long, the next one comes in by right.
        let overlaps = overlaps.into_inner();
        assert!(overlaps < 400, "{overlaps} of 40,000 were not alone");
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
    fn wakers_are_not_passed_by_patience_alone() {
        // Hand-overs of sleepers: with lost wake-ups each would take all of the patience.
        let word = AtomicU32::new(0);
        let mut waits: Vec<Duration> = (0..41)
            .map(|_| {
                let inside = Gate(&word).enter();
                std::thread::scope(|scope| {
                    let sleeper = scope.spawn(|| {
                        drop(Gate(&word).enter());
                        Instant::now()
                    });
                    while word.load(Ordering::SeqCst) & WAITING == 0 {
                        std::thread::yield_now();
                    }
                    let opened = Instant::now();
                    drop(inside);
                    sleeper.join().unwrap().saturating_duration_since(opened)
                })
            })
            .collect();
        waits.sort();
        assert!(waits[20] < PATIENCE / 2, "the median wait was {:?}", waits[20]);
    }

    #[test]
    fn a_lost_wake_up_costs_no_more_than_the_patience() {
        let word = AtomicU32::new(0);
        let killed = Gate(&word).enter();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| drop(Gate(&word).enter()));
            while word.load(Ordering::SeqCst) & WAITING == 0 {
                std::thread::yield_now();
            }
            // The gate opens, and whoever was woken is killed before it goes in.
            word.fetch_and(!(INSIDE | WAITING), Ordering::SeqCst);
            sleeper.join().unwrap();
        });
        std::mem::forget(killed);
        assert_eq!(word.into_inner() & INSIDE, 0);
    }
}
