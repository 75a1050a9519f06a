//! Files as PHP's own handler writes them (`sess_ID` in `session.save_path`, ext/session/mod_files.c), or Illuminate's
//! (named by the id alone: `prefix=`). The time of the last change is the last use.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind as IoKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use url::Url;

use super::{AGAIN, Keep, LARGEST, Old, Options, seconds, too_large, wrong};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Expiry, Record, SessionId, now};

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    directory: PathBuf,
    prefix: String,
    /// Directories below it, one for each of the first characters of an id.
    depth: usize,
    /// How long a session lives after its last use.
    pub lifetime: u64,
}

impl Spec {
    pub fn of(url: &Url, options: &mut Options) -> Result<Spec> {
        let path = percent_decode_str(url.path()).decode_utf8().map_err(|_| wrong("has a path that is not UTF-8"))?;
        if url.host_str().is_some_and(|host| !host.is_empty()) || path.len() < 2 {
            return Err(wrong("needs an absolute path: files:///DIRECTORY"));
        }
        if path.contains('\0') {
            return Err(wrong("has a path with a zero byte in it"));
        }
        let depth = options.take("depth").map_or(Ok(0), |text| match text.parse::<usize>() {
            Ok(depth @ 0..=32) => Ok(depth),
            _ => Err(wrong(format_args!("has depth={text}; it takes a whole number from 0 to 32"))),
        })?;
        let prefix = options.take("prefix").unwrap_or_else(|| "sess_".to_owned());
        if prefix.contains(['/', '\0']) {
            return Err(wrong("has a prefix with a / in it"));
        }
        let lifetime = options.take("lifetime").ok_or_else(|| {
            wrong(
                "has to say how many seconds a session lives after its last use, as the files do not: for example \
                 ?lifetime=1440, PHP's default of session.gc_maxlifetime",
            )
        })?;
        Ok(Spec { directory: PathBuf::from(&*path), prefix, depth, lifetime: seconds(&lifetime)? })
    }
}

/// The files.
pub struct Files {
    spec: Spec,
    lock_wait: Duration,
}

impl Files {
    pub fn new(spec: Spec, lock_wait: Duration) -> Files {
        Files { spec, lock_wait }
    }

    fn path(&self, id: SessionId<'_>) -> Option<PathBuf> {
        let id = std::str::from_utf8(id.as_bytes()).ok()?;
        // As `ps_files_path_create` has it.
        let mut path = (id.len() > self.spec.depth).then(|| self.spec.directory.clone())?;
        path.extend(id.chars().take(self.spec.depth).map(String::from));
        path.push(format!("{}{id}", self.spec.prefix));
        Some(path)
    }

    /// Waits for a request that has the file open under PHP's lock.
    fn lock(&self, file: &File, path: &std::path::Path) -> Result<()> {
        let begun = Instant::now();
        loop {
            // SAFETY: a call of the kernel's on an open file.
            if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
                return Ok(());
            }
            let cause = std::io::Error::last_os_error();
            match cause.kind() {
                IoKind::WouldBlock | IoKind::Interrupted if begun.elapsed() < self.lock_wait => {
                    std::thread::sleep(AGAIN)
                }
                IoKind::WouldBlock | IoKind::Interrupted => {
                    return Err(Error::new(
                        ErrorKind::LockTimeout,
                        format!(
                            "a request that began before the switch to rustdb has held {} for over {} seconds \
                             (rustdb.lock_wait); end it, or restart PHP",
                            path.display(),
                            self.lock_wait.as_secs_f64()
                        ),
                    ));
                }
                _ => return Err(Error::io(format_args!("cannot lock {}", path.display()), &cause)),
            }
        }
    }
}

impl Old for Files {
    fn bring(&self, id: SessionId<'_>, remove: bool, keep: Keep<'_>) -> Result<bool> {
        let Some(path) = self.path(id) else { return Ok(false) };
        let failed = |cause: std::io::Error| {
            Error::io(format_args!("cannot read {}, which rustdb.migrate_from leads to", path.display()), &cause)
        };
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let mut file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Err(cause) if matches!(cause.kind(), IoKind::NotFound | IoKind::NotADirectory) => return Ok(false),
            opened => opened.map_err(failed)?,
        };
        let looked = file.metadata().map_err(failed)?;
        // SAFETY: calls that cannot fail.
        let (user, effective) = unsafe { (libc::getuid(), libc::geteuid()) };
        // In a directory for all somebody else may have put it there; PHP refuses such a file too (`ps_files_open`).
        if !looked.is_file() || looked.uid() != 0 && looked.uid() != user && looked.uid() != effective && user != 0 {
            return Ok(false);
        }
        self.lock(&file, &path)?;
        // Whoever had the lock may have destroyed or changed it.
        let looked = file.metadata().map_err(failed)?;
        let expires = Expiry::after(looked.mtime(), self.spec.lifetime);
        if looked.nlink() == 0 || expires.is_past(now()) {
            return Ok(false);
        }
        let mut payload = Vec::new();
        file.by_ref().take(LARGEST + 1).read_to_end(&mut payload).map_err(failed)?;
        if payload.len() as u64 > LARGEST {
            return Err(too_large(path.display()));
        }
        if keep(Record::new(payload, expires))? && remove {
            self.remove(id)?;
        }
        Ok(true)
    }

    fn remove(&self, id: SessionId<'_>) -> Result<()> {
        let Some(path) = self.path(id) else { return Ok(()) };
        match std::fs::remove_file(&path) {
            Err(cause) if !matches!(cause.kind(), IoKind::NotFound | IoKind::NotADirectory) => Err(Error::io(
                format_args!("cannot remove {}, the old copy of a session (rustdb.migrate_from)", path.display()),
                &cause,
            )),
            _ => Ok(()),
        }
    }
}
