//! Opening the embedded store's file, whatever state it is in.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::lmdb::{Code, CutShort, Env, Options, reserve_lock_file};
use crate::record::now;

/// Address space for the file, which itself is only as large as what it holds. Where a limit on address space
/// (`ulimit -v`) forbids this much, half of it is tried, and so on.
const LARGEST_MAP: usize = 1 << 40;
const LEAST_MAP: usize = 1 << 28;
/// Readers over all processes; a thread that reads at the very moment takes one.
const MAX_READERS: u32 = 4096;

/// A damaged file that was moved out of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub to: PathBuf,
    /// What is wrong with it.
    pub fault: String,
}

impl SetAside {
    /// The message for the log.
    pub fn to_error(&self) -> Error {
        Error::new(
            ErrorKind::Damaged,
            format!(
                "the session store was damaged ({}); it was moved to {} and a new, empty one begun, so visitors have to \
                 log in again",
                self.fault,
                self.to.display()
            ),
        )
    }
}

pub(super) fn open(path: &Path, alone: bool) -> Result<(Env, Option<SetAside>)> {
    let fault = match try_open(path)? {
        Opened::Sound(env) => return Ok((env, None)),
        Opened::Damaged(fault) => fault,
    };
    let refuse = |why: &str| {
        Error::new(
            ErrorKind::Damaged,
            format!("the session store {} is damaged ({fault}){why}; stop PHP and move it away", path.display()),
        )
    };
    if !alone {
        return Err(refuse(" while other processes use it"));
    }
    let name = |number| path.with_file_name(format!("store.mdb.damaged-{}-{number}", now()));
    let to = (1..).map(name).find(|to| !to.exists()).unwrap_or_else(|| name(0));
    std::fs::rename(path, &to).map_err(|cause| refuse(&format!(" and cannot be moved away: {cause}")))?;
    match try_open(path)? {
        Opened::Sound(env) => Ok((env, Some(SetAside { to, fault }))),
        Opened::Damaged(fault) => Err(refuse(&format!(", and so is a new one: {fault}"))),
    }
}

enum Opened {
    Sound(Env),
    Damaged(String),
}

fn try_open(path: &Path) -> Result<Opened> {
    let failed =
        |cause: &std::io::Error| Error::io(format_args!("cannot open the session store {}", path.display()), cause);
    match std::fs::symlink_metadata(path) {
        Ok(file) if !file.is_file() => {
            return Err(Error::new(ErrorKind::Directory, format!("{} is not a file; move it away", path.display())));
        }
        _ => {}
    }
    reserve_lock_file(path, MAX_READERS, true).map_err(|cause| failed(&cause))?;
    let mut map_size = LARGEST_MAP;
    let env = loop {
        match Env::open(path, Options { map_size, max_readers: MAX_READERS }) {
            Ok(env) => break env,
            // EINVAL is how valgrind says it.
            Err(Code(libc::ENOMEM | libc::EINVAL)) if map_size > LEAST_MAP => map_size /= 2,
            Err(Code::VERSION_MISMATCH) => {
                return Err(Error::new(
                    ErrorKind::InUse,
                    format!(
                        "the session store {} is of another version of LMDB, or another LMDB program has it open; end \
                         that program",
                        path.display()
                    ),
                ));
            }
            Err(code) if code.is_damage() => return Ok(Opened::Damaged(code.to_io().to_string())),
            Err(code) => return Err(failed(&code.to_io())),
        }
    };
    match env.look_for_end().map_err(|code| failed(&code.to_io()))? {
        None => Ok(Opened::Sound(env)),
        Some(CutShort { length, whole }) => Ok(Opened::Damaged(format!("it is cut short: {length} bytes of {whole}"))),
    }
}
