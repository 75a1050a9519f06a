//! Where the buffer lies, and whether what lies there may be used.
//!
//! ```text
//! /dev/shm/rustdb-<user>-<hash of the store's directory>/
//!     header       JSON, one `Header`
//!     buffer.mem   sessions, and an index of them (buffer::layout); `buffer.new` until it may be used
//! ```
//! Where `/dev/shm` is missing, read-only, full or not ours, the same lies in `buffer/` of the store's directory:
//! it costs no more time, only some writing of the kernel's in the background.
//!
//! Everything here runs under the open-lock of the store's directory.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::epoch::Epochs;
use super::memory::{Memory, Shape};
use super::turning::UNFLUSHED_PERCENT;
use super::writer::{Pen, Writer};
use crate::directory;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::is_unlinked;
use crate::owner::Origin;
use crate::shared::Shared;

const HEADER: &str = "header";
const MEMORY: &str = "buffer.mem";
/// What it is called until all is in it that it begins with.
const UNFINISHED: &str = "buffer.new";
/// Names that earlier versions of rustdb gave to files of theirs here, which would go on taking memory.
const OUTDATED: [&str; 2] = ["buffer.mdb", "buffer.mdb-lock"];

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
    /// Why it does not lie in `/dev/shm`, if it does not.
    why_on_disk: Option<String>,
}

/// A buffer that is made where there is none.
pub struct New<'a> {
    /// What it is to be like.
    pub shape: Shape,
    /// Puts into it what it begins with. Nobody else can open it before.
    pub fill: &'a dyn Fn(&Live) -> Result<()>,
}

/// Where a buffer may be, and what is wanted of it.
#[derive(Debug, Clone)]
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
    /// Its content.
    pub memory: Memory,
    /// The segment that this process writes to.
    pen: Mutex<Pen>,
    /// Its file system had no room when it was to grow; it is not asked again before the next time of rest.
    pub(super) full_grown: AtomicBool,
    /// Its directory.
    pub directory: PathBuf,
    /// Which one it is of those that were made for the store.
    pub epoch: u64,
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
            max_size,
        }
    }

    /// The directory in shared memory.
    #[cfg(test)]
    pub fn in_memory(&self) -> &Path {
        &self.in_memory
    }

    /// Opens the buffer, or makes it. `alone`: no other process uses the store, so whatever lies there may go.
    ///
    /// # Errors
    /// [`ErrorKind::Draining`]: try again in a moment, with the open-lock let go meanwhile.
    pub fn open(&self, alone: bool, epochs: Epochs<'_>) -> Result<Live> {
        self.open_or_make(alone, epochs, &self.empty())
    }

    fn empty(&self) -> New<'static> {
        New { shape: Shape::UpTo(self.max_size), fill: &|_| Ok(()) }
    }

    /// Opens the buffer, or makes one like `new`.
    ///
    /// All processes have to choose the same one of the two places, so a buffer beside the store stays in use until
    /// the next boot, also when `/dev/shm` has room again.
    ///
    /// # Errors
    /// [`ErrorKind::Draining`], as above. [`ErrorKind::Full`]: there is no room for what it begins with.
    pub fn open_or_make(&self, alone: bool, epochs: Epochs<'_>, new: &New<'_>) -> Result<Live> {
        if self.has_buffer(&self.beside_store)? {
            return self.open_in(&self.beside_store, alone, epochs, new, None);
        }
        self.refuse_successors(&self.beside_store, alone)?;
        // Half of one, under those who use it: the rest goes too, which they notice, as all have to choose the same place.
        delete_files(&self.beside_store).map_err(|cause| failed_to("make", &self.beside_store, &cause))?;
        // A passing trouble (no file descriptors left) must not lead away from a buffer that is there.
        let there = self.has_buffer(&self.in_memory)?;
        match self.open_in(&self.in_memory, alone, epochs, new, None) {
            // Nobody can have opened the one that was not there, so nobody is left behind with it.
            Err(reason) if !there && (alone || reason.kind() == ErrorKind::Full) => {
                self.open_in(&self.beside_store, alone, epochs, new, Some(&reason.to_string()))
            }
            other => other,
        }
    }

    /// The buffer that lies at either place, if one does that belongs to this store and this boot.
    pub fn existing(&self, epochs: Epochs<'_>) -> Result<Option<Live>> {
        for path in [&self.beside_store, &self.in_memory] {
            if self.has_buffer(path)? {
                return self.open_in(path, true, epochs, &self.empty(), None).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether a whole buffer lies there that belongs to this store and this boot.
    fn has_buffer(&self, path: &Path) -> Result<bool> {
        Ok(is_whole(path) && self.usable_header(path)?.is_some())
    }

    /// Leaves a buffer alone that is of the store that took the place of this one.
    fn refuse_successors(&self, path: &Path, alone: bool) -> Result<()> {
        let header =
            std::fs::read(path.join(HEADER)).ok().and_then(|text| serde_json::from_slice::<Header>(&text).ok());
        match header {
            Some(header) if !alone && header.store == self.store && header.store_mark != self.store_mark => {
                Err(Error::new(
                    ErrorKind::InUse,
                    format!("the session store {} was deleted and made anew", self.store.display()),
                ))
            }
            _ => Ok(()),
        }
    }

    /// The header of a buffer that belongs to this store and this boot. Only what is certainly no such header is
    /// none: one that cannot be read just now must not be taken for missing, and the buffer be made anew.
    fn usable_header(&self, path: &Path) -> Result<Option<Header>> {
        let text = match std::fs::read(path.join(HEADER)) {
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
        let ours =
            header.store == self.store && header.store_mark == self.store_mark && header.origin.is_readable(&origin);
        Ok(ours.then_some(header))
    }

    fn open_in(
        &self,
        path: &Path,
        alone: bool,
        epochs: Epochs<'_>,
        new: &New<'_>,
        why_on_disk: Option<&str>,
    ) -> Result<Live> {
        let make = |origin| self.make(path, origin, alone, epochs, new, why_on_disk);
        directory::prepare(path)?;
        let origin = Origin::here()?;
        // Another boot's, another format's, damaged, or none: its content is worth nothing and is not read.
        let header = match self.usable_header(path)? {
            // Half deleted under those who use it: the rest goes too, which they notice, and carry over.
            Some(header) if !is_whole(path) || epochs.shared.is_retired(header.epoch) => return make(origin),
            Some(header) if header.origin == origin => header,
            // Another container's that is gone, or of processes before an upgrade: the content is good.
            Some(header) if alone => {
                let header = Header { origin, ..header };
                self.write_header(path, &header)?;
                header
            }
            Some(_) => {
                return Err(Error::new(
                    ErrorKind::InUse,
                    format!("the session buffer {} belongs to another container", path.display()),
                ));
            }
            None => {
                self.refuse_successors(path, alone)?;
                return make(origin);
            }
        };
        epochs.note(header.epoch);
        match open_file(path, &header)? {
            Some(live) => Ok(live),
            // Damaged. Whoever has it open carries over.
            None => make(Origin::here()?),
        }
    }

    /// Clears the directory and makes a buffer in it.
    fn make(
        &self,
        path: &Path,
        origin: Origin,
        alone: bool,
        epochs: Epochs<'_>,
        new: &New<'_>,
        why_on_disk: Option<&str>,
    ) -> Result<Live> {
        delete_files(path).map_err(|cause| failed_to("make", path, &cause))?;
        // Whoever has it open notices; those with changes come first then.
        epochs.retire();
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
            why_on_disk: why_on_disk.map(str::to_owned),
        };
        let made = self.write_header(path, &header).and_then(|()| make_file(path, &header, new));
        if made.is_err() {
            // What there is of it takes room and is of no use; whoever comes next would delete it too.
            let _ = delete_files(path);
        }
        made
    }

    fn write_header(&self, path: &Path, header: &Header) -> Result<()> {
        let text = serde_json::to_vec(header).map_err(|cause| Error::new(ErrorKind::Internal, cause.to_string()))?;
        // Renamed into place: a header is whole or missing, also when the file system is full.
        let temporary = path.join("header.new");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| std::fs::rename(&temporary, path.join(HEADER)))
            .map_err(|cause| failed_to("make", path, &cause))
    }
}

/// Deletes what there is of a buffer, so that whoever has it open notices.
fn delete_files(path: &Path) -> io::Result<()> {
    for name in [HEADER, MEMORY, UNFINISHED].iter().chain(&OUTDATED) {
        match std::fs::remove_file(path.join(name)) {
            Err(cause) if !matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(cause);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the file of a buffer is there.
fn is_whole(path: &Path) -> bool {
    path.join(MEMORY).exists()
}

fn failed_to(what: &str, path: &Path, cause: &io::Error) -> Error {
    match cause.kind() {
        // Whoever deletes files does not ask for the open-lock.
        io::ErrorKind::NotFound => Error::new(
            ErrorKind::Draining,
            format!("the session buffer {} was deleted again and again while it was opened", path.display()),
        ),
        _ => Error::io(format_args!("cannot {what} the buffer {}", path.display()), cause),
    }
}

/// Makes the file of a buffer, and gives it its name when all is in it.
fn make_file(directory: &Path, header: &Header, new: &New<'_>) -> Result<Live> {
    let failed = |cause: io::Error| failed_to("make", directory, &cause);
    let unfinished = directory.join(UNFINISHED);
    let memory = options().create_new(true).open(&unfinished).and_then(|file| Memory::make(file, new.shape));
    let live = Live::new(memory.map_err(failed)?, directory, header);
    (new.fill)(&live)?;
    std::fs::rename(&unfinished, directory.join(MEMORY)).map_err(failed)?;
    live.if_named()
}

/// Opens the file of a buffer. `None`: it is damaged.
fn open_file(directory: &Path, header: &Header) -> Result<Option<Live>> {
    let memory = options().open(directory.join(MEMORY)).and_then(Memory::open);
    match memory.map_err(|cause| failed_to("open", directory, &cause))? {
        Some(memory) => Live::new(memory, directory, header).if_named().map(Some),
        None => Ok(None),
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    options
}

impl Live {
    fn new(memory: Memory, directory: &Path, header: &Header) -> Live {
        Live {
            memory,
            pen: Mutex::default(),
            full_grown: AtomicBool::new(false),
            directory: directory.to_owned(),
            epoch: header.epoch,
            why_on_disk: header.why_on_disk.clone(),
        }
    }

    /// The same, if the file of the buffer's name is this one still.
    fn if_named(self) -> Result<Live> {
        let named = std::fs::metadata(self.directory.join(MEMORY));
        let same = self.memory.file().file().metadata().and_then(|mine| Ok(mine.ino() == named?.ino()));
        match same {
            Ok(true) => Ok(self),
            Ok(false) => Err(failed_to("open", &self.directory, &io::ErrorKind::NotFound.into())),
            Err(cause) => Err(failed_to("open", &self.directory, &cause)),
        }
    }

    /// Whether the file was deleted behind our back, as logind does when a user logs out (RemoveIPC).
    pub fn is_unlinked(&self) -> bool {
        is_unlinked(self.memory.file().fd())
    }

    /// Waits for other threads of this process to put down the pen, and takes it.
    pub fn writer<'a>(&'a self, shared: &'a Arc<Shared>) -> Writer<'a> {
        Writer {
            memory: &self.memory,
            shared,
            pen: self.pen.lock(),
            full_grown: &self.full_grown,
            unflushed_percent: UNFLUSHED_PERCENT,
        }
    }

    /// How large it may become, in bytes.
    pub fn size(&self) -> u64 {
        let layout = self.memory.layout();
        match self.full_grown.load(Ordering::Relaxed) {
            true => layout.end_of(self.memory.reserved() as u64),
            false => layout.size,
        }
    }
}
