//! The host lock: one for each session, over all processes and threads of this machine.
//!
//! A lock is one byte of the file `locks`, taken as an open-file-description lock (`F_OFD_SETLK`, fcntl(2)), so the
//! kernel lets go of it when its holder dies, however it dies. Such locks belong to the open file, so every thread
//! opens the file for itself: threads exclude each other as processes do. The file is on disk, because files in
//! `/dev/shm` can be unlinked behind our back, and then two processes would each hold "the" lock.
//!
//! The kernel's own waiting (`F_OFD_SETLKW`) knows no time limit, so waiters sleep in [`queue`].

pub mod flusher;
pub mod queue;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::process::LockFile;
use crate::record::SessionId;
use crate::shared::Shared;
use queue::Ticket;

/// Session locks lie below this offset, rustdb's own above it. Offsets are signed 64-bit numbers.
const OWN: u64 = 1 << 62;

/// What is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockName(u64);

impl LockName {
    /// The right to bring sessions from the buffer to the store, or to remove expired ones from it.
    pub const FLUSHER: LockName = LockName(OWN);

    /// A session.
    pub fn session(id: SessionId<'_>) -> LockName {
        LockName(id.hash() % OWN)
    }
}

/// Alone or together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// Nobody else holds the lock.
    Exclusive,
    /// Others may hold it shared too: requests without locking show in this way that they are there.
    Shared,
}

/// One thread's way to the locks.
#[derive(Debug)]
pub struct HostLocks {
    file: LockFile,
    shared: Arc<Shared>,
}

impl HostLocks {
    /// Opens the lock file in the store's directory.
    pub fn open(directory: &Path, shared: Arc<Shared>) -> Result<HostLocks> {
        let path = directory.join("locks");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(|cause| Error::io(format_args!("cannot open the lock file {}", path.display()), &cause))?;
        Ok(HostLocks { file: LockFile::new(file), shared })
    }

    /// Takes a lock if nobody holds it.
    pub fn try_lock(&self, name: LockName, kind: LockKind) -> Result<bool> {
        let kind = match kind {
            LockKind::Exclusive => libc::F_WRLCK,
            LockKind::Shared => libc::F_RDLCK,
        };
        set_lock(self.file.fd(), kind, name.0)
            .map_err(|cause| Error::io("cannot lock a session in the lock file", &cause))
    }

    /// Whether nobody holds the lock at this moment.
    pub fn is_free(&self, name: LockName) -> bool {
        let free = self.try_lock(name, LockKind::Exclusive).unwrap_or(false);
        if free {
            self.unlock(name);
        }
        free
    }

    /// Whether the lock file was deleted behind our back: who opens it by its name now gets another one.
    pub fn is_unlinked(&self) -> bool {
        is_unlinked(self.file.fd())
    }

    /// Takes a lock, waiting for it if need be. Returns how long it waited, or `None` when `limit` ran out first.
    pub fn lock(&self, name: LockName, kind: LockKind, limit: Duration) -> Result<Option<Duration>> {
        if self.try_lock(name, kind)? {
            return Ok(Some(Duration::ZERO));
        }
        let begun = Instant::now();
        let ticket = Ticket::new(&self.shared, name.0);
        loop {
            // The ticket is drawn before the lock is looked at, so a release in between is not slept through.
            let drawn = ticket.draw();
            if self.try_lock(name, kind)? {
                return Ok(Some(begun.elapsed()));
            }
            let Some(left) = limit.checked_sub(begun.elapsed()) else {
                return Ok(None);
            };
            ticket.sleep(drawn, left);
        }
    }

    /// Lets go of a lock and wakes those who wait for it.
    pub fn unlock(&self, name: LockName) {
        // Unlocking a byte of an open file cannot fail in a way that anything could be done about.
        let _ = set_lock(self.file.fd(), libc::F_UNLCK, name.0);
        Ticket::new(&self.shared, name.0).wake();
    }
}

/// Whether an open file has no name any more.
pub fn is_unlinked(fd: i32) -> bool {
    // By the cheapest call there is: fstat takes half the time of the statx that `File::metadata` makes.
    // SAFETY: a zeroed stat is valid, and the descriptor is open.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        libc::fstat(fd, &mut stat) == 0 && stat.st_nlink == 0
    }
}

/// Whether somebody else holds a lock on one of `length` bytes.
pub fn is_locked(fd: i32, offset: u64, length: u64) -> bool {
    // SAFETY: flock is plain data, and zero is what l_pid has to be for these locks.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = offset as libc::off_t;
    lock.l_len = length as libc::off_t;
    // SAFETY: the descriptor is open and `lock` is valid for the call, which says in it who is in the way.
    let asked = unsafe { libc::fcntl(fd, libc::F_OFD_GETLK, &mut lock) } == 0;
    asked && lock.l_type != libc::F_UNLCK as libc::c_short
}

/// Sets or clears an open-file-description lock on one byte; `false` if somebody else holds it.
pub fn set_lock(fd: i32, kind: i32, offset: u64) -> std::io::Result<bool> {
    // SAFETY: flock is plain data, and zero is what l_pid has to be for these locks.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = offset as libc::off_t;
    lock.l_len = 1;
    loop {
        // SAFETY: the descriptor is open and `lock` is valid for the call.
        if unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &lock) } == 0 {
            return Ok(true);
        }
        let cause = std::io::Error::last_os_error();
        match cause.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => return Ok(false),
            Some(libc::EINTR) => {}
            _ => return Err(cause),
        }
    }
}
