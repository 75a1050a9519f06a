//! A thin safe cover over LMDB, for the embedded store.
//!
//! The crate heed covers LMDB too, but keeps a list, for the whole process, of the paths that are open, and refuses to
//! open one twice. A child has to do just that with the files of its parent after a fork: the inherited environment must
//! not be touched. heed also begins every read from nothing, where a parked reader is renewed in a third of the time. So
//! this module stands on the same C library, through the same bindings.

mod whole;

use std::ffi::{CStr, CString};
use std::fs::OpenOptions;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

use lmdb_master_sys as ffi;
use parking_lot::Mutex;

use crate::shared::reserve_beyond_end;
pub use whole::CutShort;

/// An error code of LMDB or of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub i32);

impl Code {
    /// The map has no free page left.
    pub const MAP_FULL: Code = Code(ffi::MDB_MAP_FULL);
    /// Every reader slot is taken.
    pub const READERS_FULL: Code = Code(ffi::MDB_READERS_FULL);
    const KEY_EXISTS: Code = Code(ffi::MDB_KEYEXIST);
    const NOT_FOUND: Code = Code(ffi::MDB_NOTFOUND);

    /// The file, or its lock file, is of another version of LMDB.
    pub const VERSION_MISMATCH: Code = Code(ffi::MDB_VERSION_MISMATCH);

    fn of(cause: std::io::Error) -> Code {
        Code(cause.raw_os_error().unwrap_or(libc::EIO))
    }

    /// Whether the file is not a healthy LMDB file.
    pub fn is_damage(self) -> bool {
        matches!(self.0, ffi::MDB_CORRUPTED | ffi::MDB_PAGE_NOTFOUND | ffi::MDB_PANIC | ffi::MDB_INVALID)
    }

    /// The code as an error of the operating system, for its errno and its text.
    pub fn to_io(self) -> std::io::Error {
        if self.0 > 0 {
            return std::io::Error::from_raw_os_error(self.0);
        }
        // SAFETY: mdb_strerror returns a static string for LMDB's own codes.
        let text = unsafe { CStr::from_ptr(ffi::mdb_strerror(self.0)) };
        std::io::Error::other(text.to_string_lossy().into_owned())
    }
}

/// The result of a call of LMDB.
pub type Result<T> = std::result::Result<T, Code>;

fn check(code: i32) -> Result<()> {
    if code == 0 { Ok(()) } else { Err(Code(code)) }
}

/// How an environment is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The size of the map in bytes, a multiple of the page size.
    pub map_size: usize,
    /// How many readers, over all processes, may be active at once.
    pub max_readers: u32,
}

/// The lock file of an environment: a header and 64 bytes a reader (`mdb_env_setup_locks`). LMDB makes it sparse, and a
/// page of it that a full disk has no room for would end the process, so its room is reserved.
pub fn reserve_lock_file(path: &Path, max_readers: u32, create: bool) -> std::io::Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(lock_file(path))?;
    // The file is closed before LMDB opens it: closing any descriptor of a file ends all POSIX locks this process has on
    // it, and by those LMDB tells living readers from dead ones.
    reserve_beyond_end(&file, u64::from(max_readers) * 64 + 8192)
}

/// The lock file of the environment at `path`.
pub fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}

/// An open environment with one unnamed database.
#[derive(Debug)]
pub struct Env {
    ptr: NonNull<ffi::MDB_env>,
    dbi: ffi::MDB_dbi,
    /// Readers that wait for their next use: renewing one takes neither a lock nor memory.
    parked: Mutex<Vec<Parked>>,
}

#[derive(Debug)]
struct Parked(NonNull<ffi::MDB_txn>);

// SAFETY: LMDB environments may be used by any thread; with MDB_NOTLS a reader may move between threads as long as
// one uses it at a time, which taking it out of `parked` ensures.
unsafe impl Send for Env {}
// SAFETY: as above.
unsafe impl Sync for Env {}
// SAFETY: as above.
unsafe impl Send for Parked {}

impl Env {
    /// Opens the file `path`, with its lock file `path` + `-lock`, and makes both if need be.
    pub fn open(path: &Path, options: Options) -> Result<Env> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Code(libc::EINVAL))?;
        let flags = ffi::MDB_NOSUBDIR | ffi::MDB_NOTLS | ffi::MDB_NORDAHEAD;
        let mut env = ptr::null_mut();
        // SAFETY: `env` is a valid out pointer; on any failure after this call the environment is closed again,
        // which LMDB asks for even when mdb_env_open failed.
        unsafe {
            check(ffi::mdb_env_create(&mut env))?;
            let opened = check(ffi::mdb_env_set_mapsize(env, options.map_size))
                .and_then(|()| check(ffi::mdb_env_set_maxreaders(env, options.max_readers)))
                .and_then(|()| check(ffi::mdb_env_open(env, path.as_ptr(), flags, 0o600)))
                .and_then(|()| open_main_database(env));
            match opened {
                Ok(dbi) => {
                    let env = Env { ptr: NonNull::new_unchecked(env), dbi, parked: Mutex::new(Vec::new()) };
                    // LMDB does so with its other files, but not with this one: programs that a script starts have
                    // no business with sessions.
                    libc::fcntl(env.fd(), libc::F_SETFD, libc::FD_CLOEXEC);
                    Ok(env)
                }
                Err(code) => {
                    ffi::mdb_env_close(env);
                    Err(code)
                }
            }
        }
    }

    /// Begins a read. It sees one moment of the database and must end within the call that began it.
    pub fn read(&self) -> Result<Read<'_>> {
        let parked = self.parked.lock().pop();
        if let Some(Parked(txn)) = parked {
            // SAFETY: a parked transaction was reset and is used by nobody else.
            match check(unsafe { ffi::mdb_txn_renew(txn.as_ptr()) }) {
                Ok(()) => return Ok(Read { env: self, txn }),
                Err(code) => {
                    // SAFETY: as above; after the abort it is gone.
                    unsafe { ffi::mdb_txn_abort(txn.as_ptr()) };
                    return Err(code);
                }
            }
        }
        // SAFETY: the environment is open for as long as `self` lives.
        let txn = unsafe { begin_reading(self.ptr.as_ptr())? };
        Ok(Read { env: self, txn })
    }

    /// Begins a write; waits for the writer of any other process. It must end on this thread.
    pub fn write(&self) -> Result<Write<'_>> {
        // SAFETY: the environment is open for as long as `self` lives.
        let txn = unsafe { begin(self.ptr.as_ptr(), 0)? };
        Ok(Write { env: self, txn: Some(txn) })
    }

    /// The descriptor of the data file, for fstat.
    pub fn fd(&self) -> i32 {
        let mut fd = -1;
        // SAFETY: the environment is open.
        unsafe { ffi::mdb_env_get_fd(self.ptr.as_ptr(), &mut fd) };
        fd
    }

    /// The size of this process's map, and how many bytes of the file are in use.
    pub fn extent(&self) -> (u64, u64) {
        // SAFETY: a zeroed MDB_envinfo is valid, and the environment is open.
        let info = unsafe {
            let mut info: ffi::MDB_envinfo = std::mem::zeroed();
            ffi::mdb_env_info(self.ptr.as_ptr(), &mut info);
            info
        };
        (info.me_mapsize as u64, (info.me_last_pgno as u64).saturating_add(1).saturating_mul(self.page_size()))
    }

    fn page_size(&self) -> u64 {
        // SAFETY: a zeroed MDB_stat is valid, and the environment is open.
        unsafe {
            let mut stat: ffi::MDB_stat = std::mem::zeroed();
            ffi::mdb_env_stat(self.ptr.as_ptr(), &mut stat);
            u64::from(stat.ms_psize)
        }
    }

    /// Frees the reader slots of processes that died; returns how many.
    pub fn clear_dead_readers(&self) -> Result<u32> {
        let mut dead = 0;
        // SAFETY: the environment is open.
        check(unsafe { ffi::mdb_reader_check(self.ptr.as_ptr(), &mut dead) })?;
        Ok(dead as u32)
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        for Parked(txn) in self.parked.get_mut().drain(..) {
            // SAFETY: parked transactions are used by nobody.
            unsafe { ffi::mdb_txn_abort(txn.as_ptr()) };
        }
        // SAFETY: transactions borrow the environment, so none is left.
        unsafe { ffi::mdb_env_close(self.ptr.as_ptr()) };
    }
}

/// # Safety
/// `env` is open.
unsafe fn begin(env: *mut ffi::MDB_env, flags: u32) -> Result<NonNull<ffi::MDB_txn>> {
    let mut txn = ptr::null_mut();
    // SAFETY: the caller's promise; LMDB sets `txn` on success.
    unsafe {
        check(ffi::mdb_txn_begin(env, ptr::null_mut(), flags, &mut txn))?;
        Ok(NonNull::new_unchecked(txn))
    }
}

/// # Safety
/// `env` is open.
unsafe fn begin_reading(env: *mut ffi::MDB_env) -> Result<NonNull<ffi::MDB_txn>> {
    // SAFETY: the caller's promise.
    unsafe {
        match begin(env, ffi::MDB_RDONLY) {
            // Readers that were killed leave their places taken.
            Err(Code::READERS_FULL) => {
                check(ffi::mdb_reader_check(env, ptr::null_mut()))?;
                begin(env, ffi::MDB_RDONLY)
            }
            begun => begun,
        }
    }
}

/// # Safety
/// `env` is open and has no write transaction on this thread.
unsafe fn open_main_database(env: *mut ffi::MDB_env) -> Result<ffi::MDB_dbi> {
    let mut dbi = 0;
    // SAFETY: the caller's promise; the transaction ends before this returns.
    unsafe {
        let txn = begin_reading(env)?.as_ptr();
        let opened = check(ffi::mdb_dbi_open(txn, ptr::null(), 0, &mut dbi));
        ffi::mdb_txn_abort(txn);
        opened?;
    }
    Ok(dbi)
}

fn val(bytes: &[u8]) -> ffi::MDB_val {
    ffi::MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr() as *mut _ }
}

/// # Safety
/// `val` was set by LMDB and `'a` does not outlive the transaction.
unsafe fn bytes<'a>(val: &ffi::MDB_val) -> &'a [u8] {
    if val.mv_size == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(val.mv_data.cast(), val.mv_size) }
}

/// Reading, in either kind of transaction.
pub trait Reader {
    #[doc(hidden)]
    fn raw(&self) -> (NonNull<ffi::MDB_txn>, ffi::MDB_dbi);

    /// The value of `key`.
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>> {
        let (txn, dbi) = self.raw();
        let (mut key, mut value) = (val(key), val(&[]));
        // SAFETY: the transaction is active, and LMDB does not write through the key. The value lives in the map
        // until the transaction ends or writes, and both need the borrow of `self` to be over.
        match check(unsafe { ffi::mdb_get(txn.as_ptr(), dbi, &mut key, &mut value) }) {
            Ok(()) => Ok(Some(unsafe { bytes(&value) })),
            Err(Code::NOT_FOUND) => Ok(None),
            Err(code) => Err(code),
        }
    }

    /// Calls `visit` with each key and value from `from` on, in order, until it breaks or the end is reached.
    fn scan<'t>(&'t self, from: &[u8], visit: &mut dyn FnMut(&'t [u8], &'t [u8]) -> ControlFlow<()>) -> Result<()> {
        let (txn, dbi) = self.raw();
        let mut cursor = ptr::null_mut();
        // SAFETY: the transaction is active for the whole call and nothing writes meanwhile; the cursor is closed
        // before the call returns, and what `visit` is shown borrows from `self`, as in `get`.
        unsafe {
            check(ffi::mdb_cursor_open(txn.as_ptr(), dbi, &mut cursor))?;
            let close = CloseCursor(cursor);
            let (mut key, mut value) = (val(from), val(&[]));
            let mut step = ffi::MDB_SET_RANGE;
            loop {
                match check(ffi::mdb_cursor_get(close.0, &mut key, &mut value, step)) {
                    Ok(()) => {}
                    Err(Code::NOT_FOUND) => return Ok(()),
                    Err(code) => return Err(code),
                }
                if visit(bytes(&key), bytes(&value)).is_break() {
                    return Ok(());
                }
                step = ffi::MDB_NEXT;
            }
        }
    }
}

struct CloseCursor(*mut ffi::MDB_cursor);

impl Drop for CloseCursor {
    fn drop(&mut self) {
        // SAFETY: the cursor is open and its transaction still active.
        unsafe { ffi::mdb_cursor_close(self.0) };
    }
}

/// A read transaction. Dropping it parks the reader for the next use.
#[derive(Debug)]
pub struct Read<'e> {
    env: &'e Env,
    txn: NonNull<ffi::MDB_txn>,
}

impl Reader for Read<'_> {
    fn raw(&self) -> (NonNull<ffi::MDB_txn>, ffi::MDB_dbi) {
        (self.txn, self.env.dbi)
    }
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        // SAFETY: the transaction is active; afterwards it is only kept for renewal.
        unsafe { ffi::mdb_txn_reset(self.txn.as_ptr()) };
        self.env.parked.lock().push(Parked(self.txn));
    }
}

/// A write transaction. Dropping it without [`Write::commit`] undoes it.
#[derive(Debug)]
pub struct Write<'e> {
    env: &'e Env,
    txn: Option<NonNull<ffi::MDB_txn>>,
}

impl Reader for Write<'_> {
    fn raw(&self) -> (NonNull<ffi::MDB_txn>, ffi::MDB_dbi) {
        (self.txn.expect("active until commit takes it"), self.env.dbi)
    }
}

impl Write<'_> {
    /// Sets `key` to a value of `len` bytes that `fill` writes in place.
    pub fn put(&mut self, key: &[u8], len: usize, fill: impl FnOnce(&mut [u8])) -> Result<()> {
        let (txn, dbi) = self.raw();
        let (mut key, mut value) = (val(key), ffi::MDB_val { mv_size: len, mv_data: ptr::null_mut() });
        // SAFETY: the transaction is active; MDB_RESERVE returns `len` writable bytes, valid until the next write,
        // which the borrow of `self` holds back.
        unsafe {
            check(ffi::mdb_put(txn.as_ptr(), dbi, &mut key, &mut value, ffi::MDB_RESERVE))?;
            fill(std::slice::from_raw_parts_mut(value.mv_data.cast(), len));
        }
        Ok(())
    }

    /// Adds `key` with an empty value; does nothing if it is there. Returns whether it was added.
    pub fn put_marker(&mut self, key: &[u8]) -> Result<bool> {
        let (txn, dbi) = self.raw();
        let (mut key, mut value) = (val(key), val(&[]));
        // SAFETY: the transaction is active and LMDB copies key and value.
        match check(unsafe { ffi::mdb_put(txn.as_ptr(), dbi, &mut key, &mut value, ffi::MDB_NOOVERWRITE) }) {
            Ok(()) => Ok(true),
            Err(Code::KEY_EXISTS) => Ok(false),
            Err(code) => Err(code),
        }
    }

    /// Removes `key`; returns whether it was there.
    pub fn delete(&mut self, key: &[u8]) -> Result<bool> {
        let (txn, dbi) = self.raw();
        let mut key = val(key);
        // SAFETY: the transaction is active.
        match check(unsafe { ffi::mdb_del(txn.as_ptr(), dbi, &mut key, ptr::null_mut()) }) {
            Ok(()) => Ok(true),
            Err(Code::NOT_FOUND) => Ok(false),
            Err(code) => Err(code),
        }
    }

    /// Makes the changes visible to everybody, and durable.
    pub fn commit(mut self) -> Result<()> {
        let txn = self.txn.take().expect("active until commit takes it");
        // SAFETY: the transaction is active and ends here.
        check(unsafe { ffi::mdb_txn_commit(txn.as_ptr()) })
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        if let Some(txn) = self.txn.take() {
            // SAFETY: the transaction is active and ends here.
            unsafe { ffi::mdb_txn_abort(txn.as_ptr()) };
        }
    }
}
