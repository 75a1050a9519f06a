//! Whether a file has all the pages that are in use.
//!
//! A look at a page beyond the end of the file would end the process, so a file that was cut short is not to be used. But
//! not every file that ends before its last page was: "Actually the file may be shorter if the freeDB lists the final
//! pages" (`mm_last_pg` in mdb.c). LMDB never writes a page that it takes at the end and gives back in the same
//! transaction.
//!
//! LMDB itself would look for the list of free pages beyond the end, so here it is read as any file: a tree whose leaves
//! have a value for each transaction, with how many pages it has freed, and their numbers. The names of what is read are
//! those of mdb.c.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;

use lmdb_master_sys as ffi;

use super::{Code, Env, Read, Result};

/// A file that was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutShort {
    /// The bytes it has.
    pub length: u64,
    /// The bytes it should have.
    pub whole: u64,
}

/// Of `size_t` and `pgno_t`.
const WORD: usize = size_of::<usize>();
/// `PAGEHDRSZ`: a page's number, two bytes, its flags, where its free room begins, and where that ends.
const HEADER: usize = WORD + 8;
const FLAGS: usize = WORD + 2;
const LOWER: usize = WORD + 4;
/// `P_BRANCH` and `P_LEAF`.
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// `NODESIZE`: two halves of a length or of a page's number, flags, and the length of the key.
const NODE: usize = 8;
const HALVES: (usize, usize) = if cfg!(target_endian = "little") { (0, 2) } else { (2, 0) };
/// `F_BIGDATA`: the value has pages of its own.
const BIG: u16 = 1;
/// `MDB_db`: eight bytes, four counts, and the root.
const TREE: usize = 8 + 5 * WORD;
const ROOT: usize = TREE - WORD;
/// `MDB_meta`: two stamps, two words, the trees of free pages and of everything else, and the last page.
const TREES: usize = HEADER + 8 + 2 * WORD;
const LAST_PAGE: usize = TREES + 2 * TREE;
const META: usize = LAST_PAGE + WORD;
/// `P_INVALID`: the root of an empty tree.
const NONE: u64 = usize::MAX as u64;
/// The most levels of a tree (`CURSOR_STACK`).
const LEVELS: usize = 32;
/// How often a state is looked for that nobody replaces meanwhile.
const TRIES: usize = 100;

impl Env {
    /// Looks for pages that are in use and beyond the end of the file; `None`: there are none. Others may be writing to it.
    pub fn look_for_end(&self) -> Result<Option<CutShort>> {
        if self.length()? >= self.extent().1 {
            return Ok(None);
        }
        for _ in 0..TRIES {
            let number = self.read()?.number();
            // Each second transaction is written over it, and begins when the one between them has ended.
            let meta = self.part((number & 1) * self.page_size(), META)?;
            // As long as somebody reads this state, none of its pages is taken for anything else.
            let txn = self.read()?;
            if txn.number() == number {
                let mut pages = Pages::of(self, &meta)?;
                let is_whole = pages.length >= pages.whole || pages.are_free(&meta)?;
                return Ok((!is_whole).then_some(CutShort { length: pages.length, whole: pages.whole }));
            }
        }
        Err(Code(libc::EBUSY))
    }

    fn length(&self) -> Result<u64> {
        self.file().metadata().map(|file| file.len()).map_err(Code::of)
    }

    fn part(&self, from: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file().read_exact_at(&mut bytes, from).map(|()| bytes).map_err(Code::of)
    }

    /// The data file, which stays open.
    fn file(&self) -> ManuallyDrop<File> {
        // SAFETY: the descriptor is open for as long as the environment is, and the file is never dropped.
        ManuallyDrop::new(unsafe { File::from_raw_fd(self.fd()) })
    }
}

impl Read<'_> {
    /// The transaction that made what this one sees.
    fn number(&self) -> u64 {
        // SAFETY: the transaction is active.
        unsafe { ffi::mdb_txn_id(self.txn.as_ptr()) as u64 }
    }
}

/// The pages that are in the file.
struct Pages<'e> {
    env: &'e Env,
    size: u64,
    length: u64,
    /// What the length should be.
    whole: u64,
    /// How many bytes may be read before this counts as going round in circles.
    left: u64,
}

impl Pages<'_> {
    fn of<'e>(env: &'e Env, meta: &[u8]) -> Result<Pages<'e>> {
        let (size, length) = (env.page_size(), env.length()?);
        let whole = word(meta, LAST_PAGE).map_or(u64::MAX, |last| last.saturating_add(1).saturating_mul(size));
        Ok(Pages { env, size, length, whole, left: 2 * length })
    }

    /// Whether all pages that are not in the file are free.
    fn are_free(&mut self, meta: &[u8]) -> Result<bool> {
        let (missing, mut found) = (self.length / self.size..self.whole / self.size, HashSet::new());
        self.visit(word(meta, TREES + ROOT).unwrap_or(NONE), LEVELS, &mut |freed| {
            let count = word(freed, 0).unwrap_or(0) as usize;
            let numbers = (1..=count).map_while(|at| word(freed, at * WORD));
            found.extend(numbers.filter(|number| missing.contains(number)));
        })?;
        Ok(found.len() as u64 == missing.end - missing.start)
    }

    /// Shows the values of a tree, but for those that are not in the file or make no sense.
    fn visit(&mut self, root: u64, levels: usize, show: &mut dyn FnMut(&[u8])) -> Result<()> {
        let (Some(page), Some(levels)) = (self.page(root)?, levels.checked_sub(1)) else { return Ok(()) };
        let (flags, end) = (short(&page, FLAGS).unwrap_or(0), short(&page, LOWER).unwrap_or(0));
        for at in (HEADER..usize::from(end)).step_by(2) {
            let Some(node) = short(&page, at).and_then(|node| page.get(usize::from(node)..)) else { continue };
            if flags & BRANCH != 0 {
                self.visit(child(node).unwrap_or(NONE), levels, show)?;
            } else if flags & LEAF != 0 {
                self.value(node)?.inspect(|value| show(value));
            }
        }
        Ok(())
    }

    /// The value of a node of a leaf.
    fn value<'p>(&mut self, node: &'p [u8]) -> Result<Option<Cow<'p, [u8]>>> {
        let (Some(length), Some(key), Some(flags)) = (halves(node), short(node, 6), short(node, 4)) else {
            return Ok(None);
        };
        let Some(data) = node.get(NODE + usize::from(key)..) else { return Ok(None) };
        if flags & BIG == 0 {
            return Ok(data.get(..length as usize).map(Cow::Borrowed));
        }
        // No list has more numbers than there are pages.
        let most = (self.whole / self.size).saturating_add(1).saturating_mul(WORD as u64);
        match word(data, 0).filter(|_| length <= most) {
            Some(first) => Ok(self.bytes(first, HEADER, length)?.map(Cow::Owned)),
            None => Ok(None),
        }
    }

    fn page(&mut self, number: u64) -> Result<Option<Vec<u8>>> {
        self.bytes(number, 0, self.size)
    }

    /// So many bytes of a page and those behind it. `None`: they are not in the file, or a damaged tree leads round in
    /// circles.
    fn bytes(&mut self, page: u64, from: usize, length: u64) -> Result<Option<Vec<u8>>> {
        let Some(from) = page.checked_mul(self.size).and_then(|at| at.checked_add(from as u64)) else {
            return Ok(None);
        };
        if from.checked_add(length).is_none_or(|end| end > self.length) || length > self.left {
            return Ok(None);
        }
        self.left -= length;
        self.env.part(from, length as usize).map(Some)
    }
}

/// What a node says with its two halves: a page's lower bits, or a length.
fn halves(node: &[u8]) -> Option<u64> {
    Some(u64::from(short(node, HALVES.0)?) | u64::from(short(node, HALVES.1)?) << 16)
}

/// The page that a node of a branch leads to. Its flags are the upper bits.
fn child(node: &[u8]) -> Option<u64> {
    Some(halves(node)? | u64::from(short(node, 4)?) << 32)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|short| u16::from_ne_bytes(*short))
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<WORD>().map(|word| usize::from_ne_bytes(*word) as u64)
}

#[cfg(test)]
mod tests {
    use std::ops::{ControlFlow, Range};
    use std::path::Path;
    use std::ptr;

    use super::*;
    use crate::lmdb::{CloseCursor, Options, Reader, Write, bytes, check, val};

    fn open(path: &Path) -> Env {
        Env::open(path, Options { map_size: 1 << 30, max_readers: 8 }).unwrap()
    }

    fn change(env: &Env, what: impl FnOnce(&mut Write<'_>)) {
        let mut txn = env.write().unwrap();
        what(&mut txn);
        txn.commit().unwrap();
    }

    fn fill(env: &Env, keys: Range<u32>) {
        change(env, |txn| keys.for_each(|key| txn.put(&key.to_be_bytes(), 1000, |out| out.fill(7)).unwrap()));
    }

    fn count(env: &Env) -> usize {
        let mut count = 0;
        let txn = env.read().unwrap();
        txn.scan(b"\0", &mut |_, value| {
            assert!(value.iter().all(|byte| *byte == 7));
            count += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
        count
    }

    /// A file that lacks pages at its end, all of them free: what takes many pages in a row was put behind all others and
    /// deleted, while the list of free pages had enough single ones for everything else. The list has branches, too, and
    /// values with pages of their own.
    fn short_file(path: &Path) -> Env {
        let env = open(path);
        for _ in 0..4 {
            fill(&env, 0..3000);
        }
        change(&env, |txn| (0u32..3000).step_by(3).for_each(|key| assert!(txn.delete(&key.to_be_bytes()).unwrap())));
        let reader = env.read().unwrap();
        (1..120).for_each(|key| fill(&env, key..key + 1));
        change(&env, |txn| {
            txn.put(b"large", 4 << 20, |out| out.fill(7)).unwrap();
            assert!(txn.delete(b"large").unwrap());
        });
        drop(reader);
        env
    }

    /// The list of free pages as LMDB reads it, of a file that has them all; and whether it has more than one leaf.
    fn free_pages(env: &Env) -> (HashSet<u64>, bool) {
        let txn = env.read().unwrap();
        let mut found = HashSet::new();
        // SAFETY: transaction and cursor are active for the calls, and what they show is read before the next.
        unsafe {
            let (mut cursor, mut stat) = (ptr::null_mut(), std::mem::zeroed::<ffi::MDB_stat>());
            check(ffi::mdb_stat(txn.raw().0.as_ptr(), 0, &mut stat)).unwrap();
            check(ffi::mdb_cursor_open(txn.raw().0.as_ptr(), 0, &mut cursor)).unwrap();
            let (close, mut key, mut value) = (CloseCursor(cursor), val(&[]), val(&[]));
            while ffi::mdb_cursor_get(close.0, &mut key, &mut value, ffi::MDB_NEXT) == 0 {
                let freed: Vec<_> = bytes(&value).chunks_exact(WORD).map(|number| word(number, 0).unwrap()).collect();
                found.extend(&freed[1..=freed[0] as usize]);
            }
            (found, stat.ms_leaf_pages > 1 && stat.ms_overflow_pages > 0)
        }
    }

    #[test]
    fn a_file_that_lacks_only_free_pages_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let env = short_file(&path);
        let sessions = count(&env);
        let missing = env.extent().1 - env.length().unwrap();
        assert!(missing > 100 * env.page_size(), "{missing}");
        // Another process, while this one goes on.
        let other = open(&path);
        assert_eq!(other.look_for_end().unwrap(), None);
        assert_eq!(count(&other), sessions);
        fill(&env, 0..5000);
        assert_eq!((env.look_for_end().unwrap(), count(&env), count(&other)), (None, 5000, 5000));
    }

    #[test]
    fn a_file_that_lacks_a_page_in_use_is_cut_short() {
        let directory = tempfile::tempdir().unwrap();
        let (path, copy) = (directory.path().join("file"), directory.path().join("copy"));
        let env = short_file(&path);
        let (size, whole, sessions) = (env.page_size(), env.extent().1, count(&env));
        env.file().set_len(whole).unwrap();
        let (free, is_large) = free_pages(&env);
        assert!(is_large, "the list of free pages has one leaf, and no value with pages of its own");
        drop(env);
        std::fs::copy(&path, &copy).unwrap();
        let env = open(&copy);
        let (mut sound, mut cut_short, mut both) = (0, 0, 0);
        for first in (2..whole / size).rev() {
            for length in [first * size + 1, first * size] {
                env.file().set_len(length).unwrap();
                let (missing, used): (Vec<u64>, Vec<u64>) = (first..whole / size).partition(|page| free.contains(page));
                let expected = (!used.is_empty()).then_some(CutShort { length, whole });
                assert_eq!(env.look_for_end().unwrap(), expected, "{used:?}");
                assert_eq!(env.length().unwrap(), length);
                match expected {
                    None => sound += 1,
                    Some(_) => cut_short += 1,
                }
                both += usize::from(!used.is_empty() && !missing.is_empty());
                if expected.is_none() {
                    assert_eq!(count(&env), sessions);
                }
            }
        }
        assert!(sound > 100 && cut_short > 100 && both > 100, "{sound}, {cut_short}, {both}");
    }

    #[test]
    fn a_list_of_free_pages_that_is_garbage_is_looked_through_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let env = short_file(&directory.path().join("file"));
        let size = env.page_size();
        let meta = env.part((env.read().unwrap().number() & 1) * size, META).unwrap();
        let root = word(&meta, TREES + ROOT).unwrap();
        let sound = env.part(root * size, size as usize).unwrap();
        let look = |page: &[u8]| {
            env.file().write_all_at(page, root * size).unwrap();
            env.look_for_end().unwrap()
        };
        assert_eq!(look(&sound), None);
        // What the root says leads to itself, to a page of something else, or nowhere.
        for at in (FLAGS..sound.len()).step_by(2) {
            for garbage in [0, 1, BRANCH, LEAF, root as u16, u16::MAX, size as u16, HEADER as u16] {
                let mut page = sound.clone();
                page[at..at + 2].copy_from_slice(&garbage.to_ne_bytes());
                look(&page);
            }
        }
        for garbage in [0, 1, 2, 16, 0xff] {
            assert!(look(&vec![garbage; sound.len()]).is_some(), "{garbage}");
        }
        // All its nodes are the same one: a branch that leads back to the root, or a value too long to be one.
        let node = sound.len() - 32;
        let mut same = vec![0; sound.len()];
        for at in (LOWER..node).step_by(2) {
            same[at..at + 2].copy_from_slice(&(node as u16).to_ne_bytes());
        }
        for (kind, halves, flags) in [(BRANCH, root as u32, 0), (LEAF, u32::MAX - 64, BIG)] {
            same[FLAGS..FLAGS + 2].copy_from_slice(&kind.to_ne_bytes());
            same[node + HALVES.0..node + HALVES.0 + 2].copy_from_slice(&(halves as u16).to_ne_bytes());
            same[node + HALVES.1..node + HALVES.1 + 2].copy_from_slice(&((halves >> 16) as u16).to_ne_bytes());
            same[node + 4..node + 6].copy_from_slice(&flags.to_ne_bytes());
            assert!(look(&same).is_some());
        }
        assert_eq!(look(&sound), None);
    }

    #[test]
    fn dead_readers_keep_nobody_from_opening_it() {
        /// A process that opens the file, begins to read, and goes without any cleaning up.
        fn reader(path: &Path, lives: bool) -> libc::pid_t {
            // SAFETY: the child uses nothing of other threads, and never returns from here.
            let child = unsafe { libc::fork() };
            if child != 0 {
                return child;
            }
            let work = || {
                let env = ManuallyDrop::new(open(path));
                let _read = ManuallyDrop::new(env.read().unwrap());
                if lives {
                    fill(&env, 0..1);
                    // SAFETY: it waits for a signal.
                    unsafe { libc::pause() };
                }
            };
            // SAFETY: it dies with the thread that runs this test.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let failed = std::panic::catch_unwind(work).is_err();
            // SAFETY: it has nothing to clean up.
            unsafe { libc::_exit(failed.into()) }
        }
        /// How it ended.
        fn wait(child: libc::pid_t) -> i32 {
            let mut status = -1;
            // SAFETY: a child of this process that nobody has waited for yet.
            unsafe { libc::waitpid(child, &mut status, 0) };
            status
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let living = reader(&path, true);
        // By what it has written it is known to have begun.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        // SAFETY: it asks for a number.
        let two_pages = 2 * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
        while std::fs::metadata(&path).map_or(0, |file| file.len()) <= two_pages {
            assert!(std::time::Instant::now() < deadline, "it never began");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        for _ in 1..8 {
            assert_eq!(wait(reader(&path, false)), 0);
        }
        assert_eq!(count(&open(&path)), 1);
        // SAFETY: as above.
        unsafe { libc::kill(living, libc::SIGKILL) };
        assert_eq!(wait(living), libc::SIGKILL, "it had died before");
    }
}
