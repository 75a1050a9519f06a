//! What a fork means.
//!
//! A child inherits the memory and the open files of its parent, but neither its threads nor the right to touch its
//! sessions. A handler that runs in the child right after the fork closes the inherited lock files (their locks
//! belong to the open file, which stays open in the parent; left open here they would outlive it) and counts a new
//! generation. Whatever was opened under another generation is abandoned, never used or closed again.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{FromRawFd, IntoRawFd, RawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use crate::background;

static GENERATION: AtomicU32 = AtomicU32::new(0);
static REGISTER: Once = Once::new();

/// Lock files of this process. An array of atomics, because a fork handler may not take a lock or allocate.
/// A store has one for who uses it, one for each thread that locks sessions, one for its flusher and one for its buffer;
/// beyond the array's end a file is simply not closed in children.
static LOCK_FILES: [AtomicI32; 1024] = [const { AtomicI32::new(-1) }; 1024];

/// The number of forks between the first process that loaded rustdb and this one.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Makes sure that forks are noticed from now on. Called on first use, not when PHP loads the extension.
pub fn watch_forks() {
    REGISTER.call_once(|| {
        // SAFETY: in the child the handler only uses atomics, close(2) and a lock that this very thread holds; the
        // library is linked with `-z nodelete`, so the functions stay mapped.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork_in_child)) };
    });
}

extern "C" fn before_fork() {
    background::before_fork();
}

extern "C" fn after_fork() {
    background::after_fork();
}

extern "C" fn after_fork_in_child() {
    background::after_fork();
    for slot in &LOCK_FILES {
        let fd = slot.swap(-1, Ordering::Relaxed);
        if fd >= 0 {
            // SAFETY: the descriptor belongs to a `LockFile` of the parent's generation, which never uses or closes
            // it in this process.
            unsafe { libc::close(fd) };
        }
    }
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// An open file that carries locks: closed in every child, and in this process when dropped.
#[derive(Debug)]
pub struct LockFile {
    fd: RawFd,
    generation: u32,
}

impl LockFile {
    /// Takes over an open file.
    pub fn new(file: File) -> LockFile {
        watch_forks();
        let fd = file.into_raw_fd();
        for slot in &LOCK_FILES {
            if slot.compare_exchange(-1, fd, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                break;
            }
        }
        LockFile { fd, generation: generation() }
    }

    /// The descriptor.
    pub fn fd(&self) -> RawFd {
        self.fd
    }

    /// Whether this process has it of its parent, and may not use it.
    pub fn is_inherited(&self) -> bool {
        self.generation != generation()
    }

    /// The file, to be looked at and made larger.
    pub fn file(&self) -> impl Deref<Target = File> {
        // SAFETY: the descriptor is open as long as this object is there, which what is returned borrows; and the file is
        // never closed by it.
        ManuallyDrop::new(unsafe { File::from_raw_fd(self.fd) })
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if self.is_inherited() {
            return;
        }
        for slot in &LOCK_FILES {
            if slot.compare_exchange(self.fd, -1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                break;
            }
        }
        // SAFETY: this object owns the descriptor, and no fork has taken it away.
        unsafe { libc::close(self.fd) };
    }
}
