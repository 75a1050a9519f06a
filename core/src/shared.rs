//! The file `shared` in the store's directory: counters and wait queues that all processes of one store map.
//!
//! ```text
//! offset  size   field
//!      0     8   magic and format version, "rustdbS1"
//!      8     8   the epoch of the newest session buffer (`buffer::epoch`)
//!     24     8   the number of this machine's share of a store on a server: random, not zero
//!     32     8   the epoch of the newest session buffer of which anything was brought to the store
//!     40     8   the epoch of the newest session buffer that was deleted, as far as it was noticed
//!     64  8 each the counters, in the order of `Counter`; they only grow, and restart with the file
//!   4096  4 each 1024 words, the wait queues of `lock::queue`
//! ```
//! It lies on disk beside the lock file: what lies in `/dev/shm` can be unlinked under running processes, and a
//! waiter and its waker must never look at two different files. The pages live in memory all the same.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt;

use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 8] = b"rustdbS1";
const EPOCH_AT: usize = 8;
const MACHINE_AT: usize = 24;
const FLUSHED_EPOCH_AT: usize = 32;
const RETIRED_EPOCH_AT: usize = 40;
const COUNTERS_AT: usize = 64;
const QUEUE_AT: usize = 4096;
const QUEUE_WORDS: usize = 1024;
/// More buffers than this nobody has made.
const MOST_EPOCHS: u64 = 1 << 32;
const SIZE: usize = QUEUE_AT + QUEUE_WORDS * 4;

/// What is counted, over all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Sessions found in the buffer.
    BufferHits,
    /// Sessions looked for in the buffer and not found there.
    BufferMisses,
    /// Clean entries that made room for others.
    BufferEvictions,
    /// Values that failed their check and were dropped.
    DamagedValues,
    /// Times a request waited for a session.
    LockWaits,
    /// Microseconds waited for sessions.
    LockWaitMicroseconds,
    /// Times a request gave up waiting.
    LockTimeouts,
    /// Batches brought to the store.
    FlushRuns,
    /// Sessions brought to the store.
    FlushedSessions,
    /// Batches that failed and are tried again.
    FlushErrors,
    /// Garbage collections.
    GcRuns,
    /// Expired sessions collected.
    GcCollected,
    /// Sessions not written because their lock was lost to another machine.
    LeasesLost,
    /// Sessions brought over from where they were kept before.
    SessionsMigrated,
}

/// The mapping.
#[derive(Debug)]
pub struct Shared {
    base: NonNull<u8>,
}

// SAFETY: the mapping is only reached through atomics.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Maps the file in `directory`, making it if need be. Called with the directory's open-lock held.
    pub fn open(directory: &Path) -> Result<Shared> {
        let path = directory.join("shared");
        let failed = |what: &str, cause: &std::io::Error| Error::io(format_args!("{what} {}", path.display()), cause);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(|cause| failed("cannot open", &cause))?;
        let length = file.metadata().map_err(|cause| failed("cannot look at", &cause))?.len();
        let mut magic = [0; 8];
        let _ = file.read_at(&mut magic, 0).map_err(|cause| failed("cannot read", &cause))?;
        // All zero: whoever made it was killed, or the power cut, before it was written.
        if length < SIZE as u64 || magic == [0; 8] {
            // Reserved, not sparse: a page that the disk has no room for would end the process at its first use.
            reserve(&file, SIZE as u64).map_err(|cause| failed("cannot reserve 8 KiB for", &cause))?;
            file.write_all_at(MAGIC, 0).map_err(|cause| failed("cannot write", &cause))?;
        } else if &magic != MAGIC {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!(
                    "{} is damaged or of another version; it holds no sessions: stop PHP and delete it",
                    path.display()
                ),
            ));
        }
        // SAFETY: a new shared mapping of a file that has at least this many bytes.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(failed("cannot map", &std::io::Error::last_os_error()));
        }
        let shared = Shared { base: NonNull::new(base.cast()).expect("mmap returns MAP_FAILED, not null") };
        shared.mend();
        // Nobody else does so at the same time: the open-lock is held.
        if shared.machine() == 0 {
            shared.word(MACHINE_AT).store(rand::rng().random_range(1..=u64::MAX), Ordering::Relaxed);
        }
        Ok(shared)
    }

    /// Puts epochs right that nobody has written. They come back from the buffer that is there.
    fn mend(&self) {
        let read = |word: &AtomicU64| word.load(Ordering::Relaxed);
        if read(self.epoch()) > MOST_EPOCHS {
            for word in [self.epoch(), self.flushed_epoch(), self.retired_epoch()] {
                word.store(0, Ordering::Relaxed);
            }
        }
        if read(self.retired_epoch()) > read(self.epoch()) {
            self.retired_epoch().store(0, Ordering::Relaxed);
        }
    }

    fn counter(&self, counter: Counter) -> &AtomicU64 {
        self.word(COUNTERS_AT + 8 * counter as usize)
    }

    /// The epoch of the newest session buffer. It only grows, and only under the open-lock.
    pub fn epoch(&self) -> &AtomicU64 {
        self.word(EPOCH_AT)
    }

    /// The epoch of the newest session buffer of which anything was brought to the store. It only grows, under the
    /// flusher lock.
    pub fn flushed_epoch(&self) -> &AtomicU64 {
        self.word(FLUSHED_EPOCH_AT)
    }

    /// The epoch of the newest session buffer that is known to be deleted. It only grows, and only under the open-lock.
    pub fn retired_epoch(&self) -> &AtomicU64 {
        self.word(RETIRED_EPOCH_AT)
    }

    /// Whether a session buffer is known to be deleted, by its epoch. In one order with what is changed in it.
    pub fn is_retired(&self, epoch: u64) -> bool {
        epoch <= self.retired_epoch().load(Ordering::SeqCst)
    }

    /// The number of this machine's share of a store on a server: who has it locks sessions by the same file.
    pub fn machine(&self) -> u64 {
        self.word(MACHINE_AT).load(Ordering::Relaxed)
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        // SAFETY: the words lie inside the mapping, aligned to 8 bytes, and are only used as atomics.
        unsafe { &*self.base.as_ptr().add(at).cast::<AtomicU64>() }
    }

    /// Adds to a counter.
    pub fn add(&self, counter: Counter, amount: u64) {
        self.counter(counter).fetch_add(amount, Ordering::Relaxed);
    }

    /// Reads a counter.
    pub fn get(&self, counter: Counter) -> u64 {
        self.counter(counter).load(Ordering::Relaxed)
    }

    /// The words of the wait queues.
    pub fn queue(&self) -> &[AtomicU32] {
        // SAFETY: the words lie inside the mapping, aligned to 4 bytes, and are only used as atomics.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(QUEUE_AT).cast::<AtomicU32>(), QUEUE_WORDS) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `open` and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), SIZE) };
    }
}

/// Sleeps while `word` is `seen`, at most `limit`; any wake-up, another value or a signal ends it sooner. The futex(2) is one
/// for all processes, as those of std and parking_lot are not.
pub fn futex_wait(word: &AtomicU32, seen: u32, limit: Duration) {
    let limit = libc::timespec { tv_sec: limit.as_secs() as _, tv_nsec: limit.subsec_nanos() as _ };
    // SAFETY: the word is borrowed for the call, and the time is a valid timespec: an interval, of CLOCK_MONOTONIC.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, seen, &limit, std::ptr::null::<u32>(), 0)
    };
}

/// Wakes up to `most` of those who sleep on `word`.
pub fn futex_wake(word: &AtomicU32, most: i32) {
    // SAFETY: the word is borrowed for the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, most) };
}

/// Reserves room for `size` bytes without making the file longer. A file system that cannot reserve is left alone.
pub fn reserve_beyond_end(file: &File, size: u64) -> std::io::Result<()> {
    // SAFETY: the descriptor is open.
    if unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, size as libc::off_t) } == 0 {
        return Ok(());
    }
    let cause = std::io::Error::last_os_error();
    if cause.raw_os_error() == Some(libc::EOPNOTSUPP) { Ok(()) } else { Err(cause) }
}

/// How often reserving is begun anew when a signal interrupts it, such as those of a profiler.
const INTERRUPTIONS: usize = 50;

/// Makes sure that a file has room on its file system for its first `size` bytes, and is at least that long.
pub fn reserve(file: &File, size: u64) -> std::io::Result<()> {
    reserve_from(file, 0, size)
}

/// The same for `size` bytes from `from` on.
pub fn reserve_from(file: &File, from: u64, size: u64) -> std::io::Result<()> {
    // posix_fallocate, not fallocate: where the file system cannot reserve, the C library writes zeros.
    let mut code = libc::EINTR;
    for _ in 0..INTERRUPTIONS {
        if code != libc::EINTR {
            break;
        }
        // SAFETY: the descriptor is open.
        code = unsafe { libc::posix_fallocate(file.as_raw_fd(), from as libc::off_t, size as libc::off_t) };
    }
    match code {
        0 => Ok(()),
        code => Err(std::io::Error::from_raw_os_error(code)),
    }
}
