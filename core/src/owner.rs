//! Who is using a store's directory: the file `owner`.
//!
//! Byte 0 of it is the open-lock: held for the moment in which files are opened, made, replaced or enlarged.
//! Byte 1 is held shared by every process that uses the directory, so that an exclusive try tells whether anybody
//! does. The content names the boot and the PID namespace of those processes: LMDB finds dead readers by their
//! process ids, which mean nothing in another namespace, so two containers must not share a directory.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::marker::PhantomData;
use std::os::fd::RawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::lock::set_lock;
use crate::process::LockFile;

const OPEN: u64 = 0;
const ALIVE: u64 = 1;
/// Opening takes milliseconds; a process that is stopped while it does keeps others out no longer than this.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// Which running system a file belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The version of rustdb's files; processes of different versions cannot share them.
    pub format: u32,
    /// `/proc/sys/kernel/random/boot_id`: memory of another boot is worth nothing.
    pub boot_id: String,
    /// The inode of `/proc/self/ns/pid`.
    pub pid_namespace: u64,
}

impl Origin {
    /// This process's own.
    pub fn here() -> Origin {
        Origin {
            format: 1,
            boot_id: std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned(),
            pid_namespace: std::fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino()),
        }
    }
}

/// This process's place among the users of a directory.
#[derive(Debug)]
pub struct Owner {
    file: LockFile,
    /// Whether nobody else was using the directory when this process came.
    first: bool,
}

/// The open-lock; let go when dropped.
#[derive(Debug)]
pub struct OpenLock<'a> {
    fd: RawFd,
    owner: PhantomData<&'a Owner>,
}

impl Owner {
    /// Joins the users of `directory`; the open-lock is held while `open` runs.
    pub fn join<T>(directory: &Path, open: impl FnOnce(&Owner) -> Result<T>) -> Result<(Owner, T)> {
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
        let mut owner = Owner { file: LockFile::new(file.try_clone().map_err(|cause| failed(&cause))?), first: false };
        let opening = take_open_lock(owner.file.fd())?;
        owner.first = set_lock(owner.file.fd(), libc::F_WRLCK, ALIVE).map_err(|cause| failed(&cause))?;
        let here = Origin::here();
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

    /// Takes the open-lock.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] if somebody holds it for much longer than opening takes.
    pub fn open_lock(&self) -> Result<OpenLock<'_>> {
        take_open_lock(self.file.fd())
    }
}

fn take_open_lock<'a>(fd: RawFd) -> Result<OpenLock<'a>> {
    let begun = Instant::now();
    loop {
        match set_lock(fd, libc::F_WRLCK, OPEN) {
            Ok(true) => return Ok(OpenLock { fd, owner: PhantomData }),
            Ok(false) if begun.elapsed() < OPEN_LIMIT => std::thread::sleep(Duration::from_millis(1)),
            Ok(false) => {
                return Err(Error::new(
                    ErrorKind::InUse,
                    "another process has been opening the session store for over 10 seconds; \
                     if it is stopped (kill -STOP), let it go on or end it",
                ));
            }
            Err(cause) => return Err(Error::io("cannot lock the session store", &cause)),
        }
    }
}

impl Drop for OpenLock<'_> {
    fn drop(&mut self) {
        let _ = set_lock(self.fd, libc::F_UNLCK, OPEN);
    }
}

fn compare(file: &File, here: &Origin, directory: &Path) -> Result<()> {
    let mut text = vec![0; 4096];
    let length = file.read_at(&mut text, 0).unwrap_or(0);
    let there: Option<Origin> = serde_json::from_slice(&text[..length]).ok();
    let who = match there {
        Some(there) if there == *here => return Ok(()),
        Some(there) if there.format != here.format => {
            "processes with another version of rustdb; restart all of PHP to finish the upgrade"
        }
        Some(_) => {
            "processes of another container (PID namespace); give each container a directory of its own, or let them \
             share the PID namespace"
        }
        None => "processes that left no readable `owner` file in it; restart all of PHP",
    };
    Err(Error::new(
        ErrorKind::InUse,
        format!("the session directory {} is in use by {who}", directory.display()),
    ))
}
