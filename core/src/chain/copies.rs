//! What a machine knows about the copies in front of a chain: which sessions have one, and whether the front answers. A file in
//! the store's directory that all processes map. Whatever it says may be wrong: that costs a round trip.
//!
//! ```text
//! offset  size    field
//!      0     8    magic and format version, "rustdbC1"
//!      8     8    until when nobody asks the front, in milliseconds of CLOCK_MONOTONIC; 0: it answers
//!   4096  4 each  65,536 places: the upper half of the hash of the id of a session that is large, or 0. Which place is a
//!                 session's, the lower half tells; two that meet there push each other out
//! ```

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::record::SessionId;
use crate::shared::reserve;

const MAGIC: &[u8; 8] = b"rustdbC1";
const UNTIL_AT: usize = 8;
const PLACES_AT: usize = 4096;
const PLACES: usize = 1 << 16;
const SIZE: usize = PLACES_AT + PLACES * 4;

/// For how long a machine leaves a front alone that failed. Then one request tries again, and the others wait for what it
/// finds.
const PAUSE: Duration = Duration::from_secs(5);

/// The mapping.
#[derive(Debug)]
pub struct Copies {
    base: NonNull<u8>,
}

// SAFETY: the mapping is only reached through atomics.
unsafe impl Send for Copies {}
// SAFETY: as above.
unsafe impl Sync for Copies {}

impl Copies {
    /// Maps the file `name` in `directory`, making it if need be.
    pub fn open(directory: &Path, name: &str) -> Result<Copies> {
        let path = directory.join(name);
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
        // Reserved, not sparse: a page that the disk has no room for would end the process at its first use. Whoever comes
        // at the same time does the same; what an earlier format left makes wrong guesses, which are corrected.
        reserve(&file, SIZE as u64).map_err(|cause| failed("cannot reserve 260 KiB for", &cause))?;
        file.write_all_at(MAGIC, 0).map_err(|cause| failed("cannot write", &cause))?;
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
        Ok(Copies { base: NonNull::new(base.cast()).expect("mmap returns MAP_FAILED, not null") })
    }

    /// Whether a session was large when this machine saw it last.
    pub fn has(&self, id: SessionId<'_>) -> bool {
        let (place, mark) = self.place(id);
        place.load(Ordering::Relaxed) == mark
    }

    /// Notes whether a session is large.
    pub fn note(&self, id: SessionId<'_>, is_large: bool) {
        let (place, mark) = self.place(id);
        match (is_large, place.load(Ordering::Relaxed)) {
            (true, there) if there != mark => place.store(mark, Ordering::Relaxed),
            (false, there) if there == mark => place.store(0, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Whether the front may be asked: it answers, or it is this caller's turn to find out.
    pub fn may_try(&self) -> bool {
        self.may_try_at(clock())
    }

    /// Notes whether the front did what it was asked.
    pub fn settle(&self, answered: bool) {
        let until = self.until();
        if !answered {
            until.store(clock() + PAUSE.as_millis() as u64, Ordering::Relaxed);
        } else if until.load(Ordering::Relaxed) != 0 {
            until.store(0, Ordering::Relaxed);
        }
    }

    fn may_try_at(&self, clock: u64) -> bool {
        let pause = PAUSE.as_millis() as u64;
        let until = self.until().load(Ordering::Relaxed);
        // A time too far off is another boot's.
        let is_over = until <= clock || until > clock + pause;
        until == 0
            || is_over
                && self.until().compare_exchange(until, clock + pause, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn until(&self) -> &AtomicU64 {
        // SAFETY: the word lies inside the mapping, aligned to 8 bytes, and is only used as an atomic.
        unsafe { &*self.base.as_ptr().add(UNTIL_AT).cast::<AtomicU64>() }
    }

    /// The place of a session, and what stands there if it is large.
    fn place(&self, id: SessionId<'_>) -> (&AtomicU32, u32) {
        let hash = id.hash();
        let at = PLACES_AT + 4 * (hash as usize % PLACES);
        // SAFETY: the word lies inside the mapping, aligned to 4 bytes, and is only used as an atomic.
        (unsafe { &*self.base.as_ptr().add(at).cast::<AtomicU32>() }, ((hash >> 32) as u32).max(1))
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `open` and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), SIZE) };
    }
}

/// Milliseconds since some moment that is the same for all processes.
fn clock() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec that outlives the call. This clock exists, so the call does not fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> SessionId<'_> {
        SessionId::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_one_process_notes_another_sees() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Copies::open(directory.path(), "copies").unwrap();
        let (one, other) = (open(), open());
        assert!(!other.has(id("a")));
        one.note(id("a"), true);
        assert!(other.has(id("a")) && !other.has(id("b")));
        other.note(id("b"), false);
        other.note(id("a"), false);
        assert!(!one.has(id("a")));
        one.note(id("a"), true);
        drop((one, other));
        assert!(open().has(id("a")), "it is in the file");
    }

    #[test]
    fn a_front_that_failed_is_left_alone_and_then_tried_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let copies = Copies::open(directory.path(), "copies").unwrap();
        assert!(copies.may_try() && copies.may_try());
        copies.settle(false);
        assert!(!copies.may_try());
        let later = clock() + PAUSE.as_millis() as u64 + 1;
        assert!(copies.may_try_at(later));
        assert!(!copies.may_try_at(later + 1), "one is enough");
        copies.settle(true);
        assert!(copies.may_try() && copies.may_try());
    }

    #[test]
    fn a_pause_of_an_earlier_boot_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let copies = Copies::open(directory.path(), "copies").unwrap();
        copies.until().store(clock() + 3_600_000, Ordering::Relaxed);
        assert!(copies.may_try());
    }
}
