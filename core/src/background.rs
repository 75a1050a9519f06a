//! The background thread: one for each process that has something to do in the background.
//!
//! It starts when a store is first used, not with PHP, so php-fpm never forks with it running.
//! It blocks all signals, never touches PHP, and never waits for a lock: it flushes and collects garbage if it gets
//! the flusher lock, and otherwise tries again an interval later. With nothing to do it sleeps without waking.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::Thread;
use std::time::Duration;

use crate::backend::busy_poll;
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
    /// Whether the thread has not ended yet.
    running: bool,
    chores: Vec<Weak<dyn Chore>>,
}

/// Of the standard library and not of parking_lot: a guard of it can be held over a fork and let go on both sides.
static STATE: Mutex<State> = Mutex::new(State { generation: 0, thread: None, running: false, chores: Vec::new() });
static ENDED: Condvar = Condvar::new();
static STOP: AtomicBool = AtomicBool::new(false);

fn state() -> MutexGuard<'static, State> {
    // A panic leaves nothing half done here.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Held by the thread that forks, from right before until right after, so that no child finds the state locked by
    /// a thread that it does not have.
    static FORKING: RefCell<Option<MutexGuard<'static, State>>> = const { RefCell::new(None) };
}

/// To be called in the parent before a fork.
pub(crate) fn before_fork() {
    let _ = FORKING.try_with(|forking| forking.replace(Some(state())));
}

/// To be called after a fork, on both sides.
pub(crate) fn after_fork() {
    let _ = FORKING.try_with(|forking| forking.take());
}

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
    let mut state = state();
    if state.generation != process::generation() {
        // The thread, and the chores it knew, are the parent's.
        state.generation = process::generation();
        state.thread = None;
        state.running = false;
        state.chores.drain(..).for_each(std::mem::forget);
    }
    if !state.chores.iter().any(|known| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(chore))) {
        state.chores.push(Arc::downgrade(chore));
    }
    match &state.thread {
        Some(thread) => thread.unpark(),
        None => start(&mut state),
    }
}

fn start(state: &mut State) {
    STOP.store(false, Ordering::Release);
    // The new thread inherits the mask of this one: signals belong to PHP.
    // SAFETY: both sets are valid for the calls, and the mask is put back before this returns.
    let started = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let started = std::thread::Builder::new().name("rustdb".into()).spawn(|| {
            busy_poll::never();
            // A panic ends the thread and nothing else; what is unflushed stays in the buffer.
            let _ = std::panic::catch_unwind(run);
            self::state().running = false;
            ENDED.notify_all();
        });
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        started
    };
    // Without a thread (a limit on processes) other processes flush, or this one when it ends.
    if let Ok(handle) = started {
        state.running = true;
        state.thread = Some(handle.thread().clone());
    }
}

fn run() {
    while !round() {}
}

/// Does what is due, and sleeps until more is. Returns whether it was the last time.
fn round() -> bool {
    let last = STOP.load(Ordering::Acquire);
    let chores: Vec<Arc<dyn Chore>> = {
        let mut state = state();
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
    drop(chores);
    match next {
        _ if last => {}
        IDLE => std::thread::park(),
        next => std::thread::park_timeout(Duration::from_nanos(next.saturating_sub(nanoseconds()))),
    }
    last
}

/// Whether the process is about to end: long work stops at the next good moment.
pub fn is_stopping() -> bool {
    STOP.load(Ordering::Acquire)
}

/// Ends the thread after a last round of its chores, but never waits longer than `limit`. Called as PHP shuts down.
pub fn stop(limit: Duration) {
    let mut state = state();
    if state.generation != process::generation() {
        return;
    }
    STOP.store(true, Ordering::Release);
    let Some(thread) = state.thread.take() else {
        drop(state);
        // No thread could be started: the last round is this one's.
        round();
        return;
    };
    thread.unpark();
    let _ = ENDED.wait_timeout_while(state, limit, |state| state.running);
}
