//! Who is using a store's directory: the file `owner`.
//!
//! Byte 0 of it is the open-lock: held for the moment in which files are opened, made, replaced or enlarged.
//! Byte 1 is held shared by every process that uses the directory, so that an exclusive try tells whether anybody
//! does. The content names the boot and the PID namespace of those processes: LMDB finds dead readers by their
//! process ids, which mean nothing in another namespace, so two containers must not share a directory.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::lock::{is_locked, set_lock};
use crate::process::LockFile;

const OPEN: u64 = 0;
const ALIVE: u64 = 1;
/// From here on a byte for each epoch of the session buffer: `buffer::epoch`.
const EPOCHS: u64 = 1 << 32;
/// Opening takes milliseconds; a process that is stopped while it does keeps others out no longer than this.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// The version of rustdb's files.
const FORMAT: u32 = 5;
/// The versions of buffers that can be read. One of 4 looks the same, but who uses it does not know how one of 5 is retired
/// (`buffer::epoch`).
const READABLE: RangeInclusive<u32> = 4..=FORMAT;

/// Which running system a file belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The version of rustdb's files; processes of different versions cannot share them.
    pub format: u32,
    /// `/proc/sys/kernel/random/boot_id`: memory of another boot is worth nothing.
    pub boot_id: String,
    /// The inode of `/proc/self/ns/pid`.
    pub pid_namespace: u64,
    /// The device of `/dev/shm`: containers that share the PID namespace may still have a `/dev/shm` each.
    pub shared_memory: u64,
}

impl Origin {
    /// Whether a buffer of this origin can be read here, if nobody else uses it.
    pub fn is_readable(&self, here: &Origin) -> bool {
        self.boot_id == here.boot_id && READABLE.contains(&self.format)
    }

    /// This process's own.
    ///
    /// # Errors
    /// Without `/proc` nobody can tell whether a buffer is of this boot; it is refused rather than guessed.
    pub fn here() -> Result<Origin> {
        let unreadable = |path: &str, cause: &std::io::Error| {
            Error::io(
                format_args!("cannot read {path}, which tells boots and containers apart (mount /proc here)"),
                cause,
            )
        };
        let boot = "/proc/sys/kernel/random/boot_id";
        let namespace = "/proc/self/ns/pid";
        Ok(Origin {
            format: FORMAT,
            boot_id: std::fs::read_to_string(boot).map_err(|cause| unreadable(boot, &cause))?.trim().to_owned(),
            pid_namespace: std::fs::metadata(namespace).map_err(|cause| unreadable(namespace, &cause))?.ino(),
            shared_memory: match std::fs::metadata("/dev/shm") {
                Ok(directory) => directory.dev(),
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => 0,
                Err(cause) => return Err(Error::io("cannot look at /dev/shm", &cause)),
            },
        })
    }
}

/// The content of the file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Users {
    origin: Origin,
    /// Whether they have a buffer.
    buffered: bool,
}

/// This process's place among the users of a directory.
#[derive(Debug)]
pub struct Owner {
    file: LockFile,
    /// The lock on the file is the process's, so threads exclude each other by this.
    threads: Mutex<()>,
    /// Whether nobody else was using the directory when this process came.
    first: bool,
}

/// The open-lock; let go when dropped.
#[derive(Debug)]
pub struct OpenLock<'a> {
    fd: RawFd,
    _threads: Option<MutexGuard<'a, ()>>,
}

impl Owner {
    /// Joins the users of `directory`, who all have a buffer or all have none; the open-lock is held while `open` runs.
    pub fn join<T>(directory: &Path, buffered: bool, open: impl FnOnce(&Owner) -> Result<T>) -> Result<(Owner, T)> {
        let path = directory.join("owner");
        let failed = |cause: &std::io::Error| Error::io(format_args!("cannot use {}", path.display()), cause);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(|cause| failed(&cause))?;
        let lock_file = LockFile::new(file.try_clone().map_err(|cause| failed(&cause))?);
        let mut owner = Owner { file: lock_file, threads: Mutex::new(()), first: false };
        let opening = take_open_lock(owner.file.fd(), None)?;
        owner.first = set_lock(owner.file.fd(), libc::F_WRLCK, ALIVE).map_err(|cause| failed(&cause))?;
        let here = Users { origin: Origin::here()?, buffered };
        if owner.first {
            let text = serde_json::to_vec(&here).map_err(|cause| Error::new(ErrorKind::Internal, cause.to_string()))?;
            file.set_len(0).and_then(|()| file.write_all(&text)).map_err(|cause| failed(&cause))?;
        } else {
            compare(&file, &here, directory)?;
        }
        let opened = open(&owner)?;
        set_lock(owner.file.fd(), libc::F_RDLCK, ALIVE).map_err(|cause| failed(&cause))?;
        drop(opening);
        Ok((owner, opened))
    }

    /// Whether nobody else was using the directory when this process joined.
    pub fn was_first(&self) -> bool {
        self.first
    }

    /// Notes that this process has changes in the buffer of `epoch`, or that it has none any more.
    pub fn note_changes(&self, epoch: u64, some: bool) -> Result<()> {
        let kind = if some { libc::F_RDLCK } else { libc::F_UNLCK };
        set_lock(self.file.fd(), kind, EPOCHS + epoch)
            .map(|_| ())
            .map_err(|cause| Error::io("cannot lock the session store", &cause))
    }

    /// Whether another process has changes in a buffer of these epochs.
    pub fn has_changes(&self, first: u64, last: u64) -> bool {
        is_locked(self.file.fd(), EPOCHS + first, last - first + 1)
    }

    /// Takes the open-lock.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] if somebody holds it for much longer than opening takes.
    pub fn open_lock(&self) -> Result<OpenLock<'_>> {
        let threads = self.threads.try_lock_for(OPEN_LIMIT).ok_or_else(opening_for_long)?;
        take_open_lock(self.file.fd(), Some(threads))
    }
}

fn opening_for_long() -> Error {
    Error::new(
        ErrorKind::InUse,
        "another process has been opening the session store for over 10 seconds; if it is stopped (kill -STOP), let it \
         go on or end it",
    )
}

fn take_open_lock(fd: RawFd, threads: Option<MutexGuard<'_, ()>>) -> Result<OpenLock<'_>> {
    let begun = Instant::now();
    loop {
        match set_lock(fd, libc::F_WRLCK, OPEN) {
            Ok(true) => return Ok(OpenLock { fd, _threads: threads }),
            Ok(false) if begun.elapsed() < OPEN_LIMIT => std::thread::sleep(Duration::from_millis(1)),
            Ok(false) => return Err(opening_for_long()),
            Err(cause) => return Err(Error::io("cannot lock the session store", &cause)),
        }
    }
}

impl Drop for OpenLock<'_> {
    fn drop(&mut self) {
        let _ = set_lock(self.fd, libc::F_UNLCK, OPEN);
    }
}

fn compare(file: &File, here: &Users, directory: &Path) -> Result<()> {
    let mut text = vec![0; 4096];
    let length = file.read_at(&mut text, 0).unwrap_or(0);
    let there: Option<Users> = serde_json::from_slice(&text[..length]).ok();
    let who = match there {
        Some(there) if there == *here => return Ok(()),
        Some(there) if there.origin == here.origin => {
            "processes that have a session buffer where this one has none, or the other way round; set \
             rustdb.buffer_size = 0 for all of them or for none"
        }
        Some(there) if there.origin.format != here.origin.format => {
            "processes with another version of rustdb; restart all of PHP to finish the upgrade"
        }
        Some(_) => {
            "processes of another container; give each container a directory of its own, or let them share the PID \
             namespace and /dev/shm"
        }
        None => "processes that left no readable `owner` file in it; restart all of PHP",
    };
    Err(Error::new(ErrorKind::InUse, format!("the session directory {} is in use by {who}", directory.display())))
}
