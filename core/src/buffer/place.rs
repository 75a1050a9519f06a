//! Where the buffer lies, and whether what lies there may be used.
//!
//! ```text
//! /dev/shm/rustdb-<user>-<hash of the store's directory>/
//!     header       JSON, one `Header`
//!     buffer.mdb   LMDB; every byte of it is reserved, so that no process ever dies of a full file system
//!     buffer.mdb-lock
//! ```
//! Where `/dev/shm` is missing, read-only, full or not ours, the same lies in `buffer/` of the store's directory:
//! it costs no more time, only some writing of the kernel's in the background.
//!
//! Everything here runs under the open-lock of the store's directory.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::epoch::Epochs;
use crate::directory;
use crate::error::{Error, ErrorKind, Result};
use crate::lmdb::{Code, Env, Options, lock_file, reserve_lock_file};
use crate::lock::is_unlinked;
use crate::owner::Origin;
use crate::shared::{reserve, reserve_beyond_end};

/// Readers over all processes; a thread that reads at the very moment takes one.
const MAX_READERS: u32 = 4096;
/// What a new buffer reserves; it doubles up to the configured size as sessions come.
const FIRST_SIZE: u64 = 4 << 20;
/// With less than this it is not worth having.
const LEAST_SIZE: u64 = 1 << 20;

/// The content of the file `header`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    origin: Origin,
    /// The store's directory.
    store: PathBuf,
    /// The store's own mark: a buffer of a store that was deleted since is not of the one in its place.
    store_mark: u64,
    /// Which one it is of those that were made for the store (`buffer::epoch`).
    epoch: u64,
    /// The size it may grow to, in bytes; the first process decides.
    max_size: u64,
    /// Why it does not lie in `/dev/shm`, if it does not.
    why_on_disk: Option<String>,
}

/// Where a buffer may be, and what is wanted of it.
#[derive(Debug)]
pub struct Place {
    in_memory: PathBuf,
    beside_store: PathBuf,
    store: PathBuf,
    store_mark: u64,
    max_size: u64,
}

/// An open buffer file.
#[derive(Debug)]
pub struct Live {
    /// The LMDB environment.
    pub env: Env,
    /// A descriptor of the same file, to look at and to enlarge it.
    pub file: File,
    /// Its directory.
    pub directory: PathBuf,
    /// Which one it is of those that were made for the store.
    pub epoch: u64,
    /// The size it may grow to.
    pub max_size: u64,
    /// Why it does not lie in `/dev/shm`, if it does not.
    pub why_on_disk: Option<String>,
}

impl Place {
    /// The place of the buffer for the store in the directory `store`, a canonical path.
    pub fn new(store: &Path, store_mark: u64, max_size: u64) -> Place {
        use std::os::unix::ffi::OsStrExt;
        let name = format!("rustdb-{}-{:016x}", directory::user(), XxHash3_64::oneshot(store.as_os_str().as_bytes()));
        Place {
            in_memory: Path::new("/dev/shm").join(name),
            beside_store: store.join("buffer"),
            store: store.to_owned(),
            store_mark,
            // LMDB wants whole pages.
            max_size: max_size & !0xfff,
        }
    }

    /// Opens the buffer, or makes it. `alone`: no other process uses the store, so whatever lies there may go.
    ///
    /// All processes have to choose the same one of the two places, so a buffer beside the store stays in use until
    /// the next boot, also when `/dev/shm` has room again.
    ///
    /// # Errors
    /// [`ErrorKind::Draining`]: try again in a moment, with the open-lock let go meanwhile.
    pub fn open(&self, alone: bool, epochs: Epochs<'_>) -> Result<Live> {
        if self.has_buffer(&self.beside_store)? {
            return self.open_in(&self.beside_store, alone, epochs, None);
        }
        // A passing trouble (no file descriptors left) must not lead away from a buffer that is there.
        let there = self.has_buffer(&self.in_memory)?;
        match self.open_in(&self.in_memory, alone, epochs, None) {
            Err(reason) if alone && !there => {
                self.open_in(&self.beside_store, alone, epochs, Some(&reason.to_string()))
            }
            other => other,
        }
    }

    /// The buffer that lies at either place, if one does that belongs to this store and this boot.
    pub fn existing(&self, epochs: Epochs<'_>) -> Result<Option<Live>> {
        for path in [&self.beside_store, &self.in_memory] {
            if self.has_buffer(path)? {
                return self.open_in(path, true, epochs, None).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether a whole buffer lies there that belongs to this store and this boot.
    fn has_buffer(&self, path: &Path) -> Result<bool> {
        Ok(is_whole(path) && self.usable_header(path)?.is_some())
    }

    /// Whether the buffer there is of the store that took the place of this one.
    fn is_of_successor(&self, path: &Path) -> bool {
        let header =
            std::fs::read(path.join("header")).ok().and_then(|text| serde_json::from_slice::<Header>(&text).ok());
        header.is_some_and(|header| header.store == self.store && header.store_mark != self.store_mark)
    }

    /// The header of a buffer that belongs to this store and this boot. Only what is certainly no such header is
    /// none: one that cannot be read just now must not be taken for missing, and the buffer be made anew.
    fn usable_header(&self, path: &Path) -> Result<Option<Header>> {
        let text = match std::fs::read(path.join("header")) {
            Ok(text) => text,
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(cause) => {
                return Err(Error::io(format_args!("cannot read the header of the buffer {}", path.display()), &cause));
            }
        };
        let Ok(header) = serde_json::from_slice::<Header>(&text) else { return Ok(None) };
        let origin = Origin::here()?;
        let ours = header.store == self.store
            && header.store_mark == self.store_mark
            && header.origin.boot_id == origin.boot_id
            && header.origin.format == origin.format;
        Ok(ours.then_some(header))
    }

    fn open_in(&self, path: &Path, alone: bool, epochs: Epochs<'_>, why_on_disk: Option<&str>) -> Result<Live> {
        let make = |origin| self.make(path, origin, alone, epochs, why_on_disk);
        directory::prepare(path)?;
        let origin = Origin::here()?;
        // Another boot's, another format's, damaged, or none: its content is worth nothing and is not read.
        let (header, new) = match self.usable_header(path)? {
            // Half deleted under those who use it: the rest goes too, which they notice, and carry over.
            Some(_) if !is_whole(path) => (make(origin)?, true),
            Some(header) if header.origin == origin => (header, false),
            // Another container's that is gone: the content is good, only its readers' process ids are not.
            Some(header) if alone => (self.write_header(path, Header { origin, ..header })?, false),
            Some(_) => {
                return Err(Error::new(
                    ErrorKind::InUse,
                    format!("the session buffer {} belongs to another container", path.display()),
                ));
            }
            None if !alone && self.is_of_successor(path) => {
                return Err(Error::new(
                    ErrorKind::InUse,
                    format!("the session store {} was deleted and made anew", self.store.display()),
                ));
            }
            None => (make(origin)?, true),
        };
        epochs.note(header.epoch);
        match open_files(path, &header, new) {
            // As it is left by a process that was killed while it made it. Whoever has it open carries over.
            Err(error) if error.kind() == ErrorKind::Damaged => {
                let header = make(Origin::here()?)?;
                open_files(path, &header, true)
            }
            other => other,
        }
    }

    /// Clears the directory and starts a buffer in it.
    fn make(
        &self,
        path: &Path,
        origin: Origin,
        alone: bool,
        epochs: Epochs<'_>,
        why_on_disk: Option<&str>,
    ) -> Result<Header> {
        let failed = |cause: &io::Error| Error::io(format_args!("cannot make the buffer {}", path.display()), cause);
        delete_files(path).map_err(|cause| failed(&cause))?;
        // Deleted to the last file, so that whoever has it open notices; those with changes come first then.
        if !alone && !epochs.may_make() {
            return Err(Error::new(
                ErrorKind::Draining,
                "the session buffer was deleted, and the process that has its last changes has not carried them over \
                 within 10 seconds; if it is stopped (kill -STOP), let it go on or end it",
            ));
        }
        let header = Header {
            origin,
            store: self.store.clone(),
            store_mark: self.store_mark,
            epoch: epochs.advance(),
            max_size: self.max_size,
            why_on_disk: why_on_disk.map(str::to_owned),
        };
        self.write_header(path, header)
    }

    fn write_header(&self, path: &Path, header: Header) -> Result<Header> {
        let text = serde_json::to_vec(&header).map_err(|cause| Error::new(ErrorKind::Internal, cause.to_string()))?;
        // Renamed into place: a header is whole or missing, also when the file system is full.
        let temporary = path.join("header.new");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| std::fs::rename(&temporary, path.join("header")))
            .map_err(|cause| Error::io(format_args!("cannot make the buffer {}", path.display()), &cause))?;
        Ok(header)
    }
}

/// Deletes what there is of a buffer, so that whoever has it open notices.
fn delete_files(path: &Path) -> io::Result<()> {
    for name in ["header", "buffer.mdb", "buffer.mdb-lock"] {
        match std::fs::remove_file(path.join(name)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
    }
    Ok(())
}

fn deleted_meanwhile(path: &Path) -> Error {
    let message = format!("the session buffer {} was deleted again and again while it was opened", path.display());
    Error::new(ErrorKind::Draining, message)
}

/// Whether both files of a buffer are there.
fn is_whole(path: &Path) -> bool {
    ["buffer.mdb", "buffer.mdb-lock"].iter().all(|name| path.join(name).exists())
}

/// Opens the files of a buffer; `new`: they are not there yet.
fn open_files(directory: &Path, header: &Header, new: bool) -> Result<Live> {
    let max_size = header.max_size;
    let path = directory.join("buffer.mdb");
    let failed = |cause: &io::Error| match cause.kind() {
        io::ErrorKind::NotFound => deleted_meanwhile(directory),
        _ => Error::io(format_args!("cannot open the buffer {}", path.display()), cause),
    };
    let lock_inode = reserve_lock_file(&path, MAX_READERS, new).map_err(|cause| failed(&cause))?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(new)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .map_err(|cause| failed(&cause))?;
    let mut size = file.metadata().map_err(|cause| failed(&cause))?.len();
    if size == 0 {
        // The file stays empty, by which LMDB knows that it is new.
        size = max_size.min(FIRST_SIZE);
        if let Err(cause) = reserve_beyond_end(&file, size) {
            size = max_size.min(LEAST_SIZE);
            reserve_beyond_end(&file, size).map_err(|_| failed(&cause))?;
        }
    } else {
        // What is mapped has to be reserved to its end, whoever made the file.
        reserve(&file, size).map_err(|cause| failed(&cause))?;
    }
    let options = Options { map_size: size as usize, max_readers: MAX_READERS, volatile: true };
    let env = Env::open(&path, options).map_err(|code| {
        let kind = if code.is_damage() || code == Code::VERSION_MISMATCH {
            ErrorKind::Damaged
        } else {
            Error::io("", &code.to_io()).kind()
        };
        Error::new(kind, format!("cannot open the buffer {}: {}", path.display(), code.to_io()))
    })?;
    // Whoever deletes files does not ask for the open-lock: what LMDB has opened must be what was reserved, and its
    // lock file the one that all others use. Two with a lock file each would both write.
    let same = |found: io::Result<Metadata>, inode: u64| found.is_ok_and(|found| found.ino() == inode);
    let data_inode = file.metadata().map_err(|cause| failed(&cause))?.ino();
    let opened = std::fs::metadata(format!("/proc/self/fd/{}", env.fd()));
    if !same(opened, data_inode)
        || !same(std::fs::metadata(&path), data_inode)
        || !same(std::fs::metadata(lock_file(&path)), lock_inode)
    {
        // LMDB makes files that it does not find, and what it made must not be taken for the buffer.
        drop(env);
        delete_files(directory).map_err(|cause| failed(&cause))?;
        return Err(deleted_meanwhile(directory));
    }
    let (map, used) = env.extent();
    if used > map || map != size {
        return Err(Error::new(ErrorKind::Damaged, format!("the buffer {} was cut short", path.display())));
    }
    Ok(Live {
        env,
        file,
        directory: directory.to_owned(),
        epoch: header.epoch,
        max_size,
        why_on_disk: header.why_on_disk.clone(),
    })
}

impl Live {
    /// Whether the file was deleted behind our back, as logind does when a user logs out (RemoveIPC).
    pub fn is_unlinked(&self) -> bool {
        is_unlinked(self.file.as_raw_fd())
    }

    /// Takes over the size another process gave the file, or makes it larger. `false`: it cannot grow any more.
    /// Runs under the open-lock.
    pub fn grow(&mut self) -> Result<bool> {
        let failed = |cause: &io::Error| Error::io("cannot enlarge the session buffer", cause);
        let (map, _) = self.env.extent();
        let there = self.file.metadata().map_err(|cause| failed(&cause))?.len();
        if there > map {
            self.env.resize(there as usize).map_err(|code| failed(&code.to_io()))?;
            return Ok(true);
        }
        let larger = (there * 2).min(self.max_size);
        if larger <= there {
            return Ok(false);
        }
        match reserve(&self.file, larger) {
            Ok(()) => {}
            // A full /dev/shm: then the buffer is as large as it gets.
            Err(cause) if cause.raw_os_error() == Some(libc::ENOSPC) => return Ok(false),
            Err(cause) => return Err(failed(&cause)),
        }
        match self.env.resize(larger as usize) {
            Ok(()) => Ok(true),
            Err(code) => {
                // A limit on address space: the others must not fill what this process cannot map.
                self.file.set_len(there).map_err(|cause| failed(&cause))?;
                if code == Code(libc::ENOMEM) { Ok(false) } else { Err(failed(&code.to_io())) }
            }
        }
    }
}
