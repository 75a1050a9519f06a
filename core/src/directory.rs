//! Directories that hold sessions: where they are by default, and which ones are fit to be used.
//!
//! Whoever can write into such a directory can read and forge every session, so it has to belong to the user that PHP
//! runs as, and nobody else may write into it.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// How many names are tried below a shared directory where others may have taken ours.
const NAMES: u32 = 10;

/// The user this process acts as.
pub fn user() -> u32 {
    // SAFETY: geteuid cannot fail.
    unsafe { libc::geteuid() }
}

/// Makes `path` if it is missing (its parent has to exist) and refuses it unless it is fit for sessions.
///
/// # Errors
/// [`ErrorKind::Directory`], saying what is wrong and the command that mends it.
pub fn prepare(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
        Err(cause) => {
            let hint = match cause.kind() {
                io::ErrorKind::NotFound => "its parent directory does not exist",
                io::ErrorKind::PermissionDenied => "make it yourself: install -d -m 700 -o USER DIRECTORY",
                _ => "see the cause",
            };
            let kind = match Error::io("", &cause).kind() {
                ErrorKind::Full => ErrorKind::Full,
                _ => ErrorKind::Directory,
            };
            return Err(Error::new(
                kind,
                format!("cannot make the session directory {}: {cause} ({hint})", path.display()),
            ));
        }
    }
    match fault(path) {
        None => Ok(()),
        Some(fault) => Err(Error::new(
            ErrorKind::Directory,
            format!("the session directory {} is not safe to use: {fault}", path.display()),
        )),
    }
}

/// Why a directory is not fit for sessions; `None` if it is.
fn fault(path: &Path) -> Option<String> {
    let user = user();
    let link = match std::fs::symlink_metadata(path) {
        Ok(link) => link,
        Err(cause) => return Some(cause.to_string()),
    };
    if link.file_type().is_symlink() && link.uid() != user && link.uid() != 0 {
        return Some(format!("it is a symbolic link that belongs to user {}", link.uid()));
    }
    let target: Metadata = match std::fs::metadata(path) {
        Ok(target) => target,
        Err(cause) => return Some(cause.to_string()),
    };
    if !target.is_dir() {
        return Some("it is not a directory".into());
    }
    if target.uid() != user {
        return Some(format!(
            "it belongs to user {}, and PHP runs as user {user}; give every user a directory of its own",
            target.uid()
        ));
    }
    if target.mode() & 0o022 != 0 {
        return Some(format!(
            "others may write into it (mode {:04o}); set it right with: chmod 700 {}",
            target.mode() & 0o7777,
            path.display()
        ));
    }
    None
}

/// Where sessions are kept when no store is set: below `session.save_path` if that is a directory, else below
/// `/var/lib/rustdb`. Never below `/tmp`, which is emptied by others.
pub fn default_store(save_path: &str) -> Result<PathBuf> {
    let user = user();
    // PHP's files handler allows "depth;mode;path".
    let base = Path::new(save_path.rsplit(';').next().unwrap_or(""));
    let mut tried = None;
    if base.is_absolute() && base.is_dir() && !is_temporary(base) {
        // The directory may be writable for everybody (Debian's is 1733), so somebody may have made our name first.
        for number in 0..NAMES {
            let name = match number {
                0 => format!("rustdb-{user}"),
                _ => format!("rustdb-{user}-{number}"),
            };
            let path = base.join(name);
            match prepare(&path) {
                Ok(()) => return Ok(path),
                // Without the right to make anything here, another name changes nothing.
                Err(error) if !path.exists() => {
                    tried = Some(error);
                    break;
                }
                Err(error) => tried = Some(error),
            }
        }
    }
    let path = PathBuf::from(format!("/var/lib/rustdb/{user}"));
    if user == 0 {
        // Only root can make the parent; for every other user the installation or the administrator does.
        let _ = DirBuilder::new().mode(0o755).create("/var/lib/rustdb");
    }
    prepare(&path).map(|()| path).map_err(|error| {
        let tried = tried.map_or(String::new(), |tried| format!("{tried}; and "));
        Error::new(
            ErrorKind::Directory,
            format!(
                "there is no place for sessions: {tried}{error}. Set rustdb.store = \"embedded:///DIRECTORY\" to a \
                 directory of user {user} with mode 700"
            ),
        )
    })
}

/// Whether the file system that a file lies on has less than 64 KiB left.
pub fn is_full(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: a zeroed statvfs is valid, and both pointers are good for the call.
    unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        libc::statvfs(path.as_ptr(), &mut found) == 0 && found.f_bavail as u64 * (found.f_frsize as u64) < 64 << 10
    }
}

fn is_temporary(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    real == Path::new("/tmp") || real == Path::new("/var/tmp") || real == Path::new("/dev/shm")
}
