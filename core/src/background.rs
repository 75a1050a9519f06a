//! The background thread: one for each process that has something to do in the background.
//!
//! It starts when a store is first used, not with PHP, so php-fpm never forks with it running.
//! It blocks all signals, never touches PHP, and never waits for a lock: it flushes and collects garbage if it gets
//! the flusher lock, and otherwise tries again an interval later. With nothing to do it sleeps without waking.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::process;

const IDLE: u64 = u64::MAX;

/// Work for the background thread.
pub trait Chore: Send + Sync {
    /// Does what there is to do. `last`: the process is about to end. Returns whether something is left for the
    /// next interval.
    fn run(&self, last: bool) -> bool;
    /// How long after something was left, or came up, it is to be done.
    fn interval(&self) -> Duration;
    /// When it is due.
    fn alarm(&self) -> &Alarm;
}

/// The time at which a chore is due.
#[derive(Debug)]
pub struct Alarm {
    /// Nanoseconds after `EPOCH`, or [`IDLE`].
    due: AtomicU64,
}

impl Default for Alarm {
    fn default() -> Self {
        Alarm { due: AtomicU64::new(IDLE) }
    }
}

impl Alarm {
    /// Whether something is due sooner or later.
    pub fn is_set(&self) -> bool {
        self.due.load(Ordering::Acquire) != IDLE
    }
}

struct State {
    /// The fork generation that started the thread.
    generation: u32,
    thread: Option<Thread>,
    chores: Vec<Weak<dyn Chore>>,
}

static STATE: Mutex<State> = Mutex::new(State { generation: 0, thread: None, chores: Vec::new() });
static STOP: AtomicBool = AtomicBool::new(false);
static RUNNING: Mutex<bool> = Mutex::new(false);
static ENDED: Condvar = Condvar::new();

fn nanoseconds() -> u64 {
    // SAFETY: a zeroed timespec is valid and clock_gettime fills it.
    let now = unsafe {
        let mut now: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now);
        now
    };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Tells the background thread that `chore` has something to do after its interval, or at once.
pub fn wake(chore: &Arc<dyn Chore>, at_once: bool) {
    let due = &chore.alarm().due;
    let wait = if at_once { 0 } else { chore.interval().as_nanos() as u64 };
    due.fetch_min(nanoseconds() + wait, Ordering::AcqRel);
    let mut state = STATE.lock();
    if state.generation != process::generation() {
        // The thread, and the chores it knew, are the parent's.
        state.generation = process::generation();
        state.thread = None;
        state.chores.drain(..).for_each(std::mem::forget);
    }
    if !state.chores.iter().any(|known| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(chore))) {
        state.chores.push(Arc::downgrade(chore));
    }
    match &state.thread {
        Some(thread) => thread.unpark(),
        None => state.thread = start(),
    }
}

fn start() -> Option<Thread> {
    STOP.store(false, Ordering::Release);
    // The new thread inherits the mask of this one: signals belong to PHP.
    // SAFETY: both sets are valid for the calls, and the mask is put back before this returns.
    let (started, _) = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        *RUNNING.lock() = true;
        let started = std::thread::Builder::new().name("rustdb".into()).spawn(|| {
            // A panic ends the thread and nothing else; what is unflushed stays in the buffer.
            let _ = std::panic::catch_unwind(run);
            *RUNNING.lock() = false;
            ENDED.notify_all();
        });
        (started, libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()))
    };
    match started {
        Ok(handle) => Some(handle.thread().clone()),
        Err(_) => {
            // Without a thread (a limit on processes) changes are still flushed by other processes and at the end.
            *RUNNING.lock() = false;
            None
        }
    }
}

fn run() {
    loop {
        let last = STOP.load(Ordering::Acquire);
        let chores: Vec<Arc<dyn Chore>> = {
            let mut state = STATE.lock();
            state.chores.retain(|chore| chore.strong_count() > 0);
            state.chores.iter().filter_map(Weak::upgrade).collect()
        };
        let mut next = IDLE;
        for chore in &chores {
            let due = &chore.alarm().due;
            if last || due.load(Ordering::Acquire) <= nanoseconds() {
                // Idle before the work: what comes up from now on sets the alarm anew.
                due.store(IDLE, Ordering::Release);
                let left = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| chore.run(last))).unwrap_or(true);
                if left {
                    due.fetch_min(nanoseconds() + chore.interval().as_nanos() as u64, Ordering::AcqRel);
                }
            }
            next = next.min(due.load(Ordering::Acquire));
        }
        if last {
            return;
        }
        drop(chores);
        match next {
            IDLE => std::thread::park(),
            next => std::thread::park_timeout(Duration::from_nanos(next.saturating_sub(nanoseconds()))),
        }
    }
}

/// Ends the thread after a last round of its chores, but never waits longer than `limit`. Called as PHP shuts down.
pub fn stop(limit: Duration) {
    let thread = {
        let mut state = STATE.lock();
        if state.generation != process::generation() {
            return;
        }
        state.thread.take()
    };
    let Some(thread) = thread else { return };
    STOP.store(true, Ordering::Release);
    thread.unpark();
    let until = Instant::now() + limit;
    let mut running = RUNNING.lock();
    while *running {
        if ENDED.wait_until(&mut running, until).timed_out() {
            return;
        }
    }
}
