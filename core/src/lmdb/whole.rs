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
use std::ops::Range;
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;

use lmdb_master_sys as ffi;

use super::{Code, Env, Reader, Result};

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
/// `MDB_meta`: two stamps, two words, the trees of free pages and of everything else, the last page, and the transaction.
const TREES: usize = HEADER + 8 + 2 * WORD;
const LAST_PAGE: usize = TREES + 2 * TREE;
const TRANSACTION: usize = LAST_PAGE + WORD;
/// `P_INVALID`: the root of an empty tree.
const NONE: u64 = usize::MAX as u64;
/// The most levels of a tree (`CURSOR_STACK`).
const LEVELS: usize = 32;
/// How often a state is looked for that nobody replaces meanwhile.
const TRIES: usize = 100;

impl Env {
    /// Looks for pages that are in use and beyond the end of the file. Others may be writing to it.
    pub fn look_for_end(&self) -> Result<Option<CutShort>> {
        for _ in 0..TRIES {
            if self.length()? >= self.extent().1 {
                return Ok(None);
            }
            // As long as somebody reads this state, none of its pages is taken for anything else.
            let txn = self.read()?;
            // SAFETY: the transaction is active.
            let number = unsafe { ffi::mdb_txn_id(txn.raw().0.as_ptr()) } as u64;
            let length = self.length()?;
            let mut pages = Pages { env: self, size: self.page_size(), length, left: 2 * length };
            if let Some((free, whole)) = pages.state(number)? {
                let cut = CutShort { length, whole };
                let is_whole = length >= whole || pages.are_free(free, length / pages.size..whole / pages.size)?;
                return Ok((!is_whole).then_some(cut));
            }
        }
        Err(Code(libc::EBUSY))
    }

    fn length(&self) -> Result<u64> {
        self.file().metadata().map(|file| file.len()).map_err(Code::of)
    }

    /// The data file, which stays open.
    fn file(&self) -> ManuallyDrop<File> {
        // SAFETY: the descriptor is open for as long as the environment is, and the file is never dropped.
        ManuallyDrop::new(unsafe { File::from_raw_fd(self.fd()) })
    }
}

/// The pages that are in the file.
struct Pages<'e> {
    env: &'e Env,
    size: u64,
    length: u64,
    /// How many bytes may be read before this counts as going round in circles.
    left: u64,
}

impl Pages<'_> {
    /// The root of the tree of free pages, and the length of the whole file, after this transaction. `None`: a later one
    /// has taken its place.
    fn state(&mut self, transaction: u64) -> Result<Option<(u64, u64)>> {
        // Each second transaction is written over it, and none can be read half done in the same way twice.
        let (Some(page), again) = (self.page(transaction & 1)?, self.page(transaction & 1)?) else { return Ok(None) };
        if word(&page, TRANSACTION) != Some(transaction) || again.as_ref() != Some(&page) {
            return Ok(None);
        }
        Ok(word(&page, TREES + ROOT)
            .zip(word(&page, LAST_PAGE).map(|last| last.saturating_add(1).saturating_mul(self.size))))
    }

    /// Whether all these pages are free.
    fn are_free(&mut self, root: u64, pages: Range<u64>) -> Result<bool> {
        let mut found = HashSet::new();
        let read = self.visit(root, LEVELS, &mut |freed| {
            let Some(count) = word(freed, 0) else { return };
            let numbers = (1..=count as usize).map_while(|at| word(freed, at * WORD));
            found.extend(numbers.filter(|number| pages.contains(number)));
        })?;
        Ok(read && found.len() as u64 == pages.end - pages.start)
    }

    /// Shows all values of a tree. `false`: something of it is not in the file, or is no page of a tree.
    fn visit(&mut self, number: u64, levels: usize, show: &mut dyn FnMut(&[u8])) -> Result<bool> {
        if number == NONE {
            return Ok(true);
        }
        let (Some(page), Some(levels)) = (self.page(number)?, levels.checked_sub(1)) else { return Ok(false) };
        let (Some(flags), Some(lower)) = (short(&page, FLAGS), short(&page, LOWER)) else { return Ok(false) };
        for at in (HEADER..usize::from(lower)).step_by(2) {
            let Some(node) = short(&page, at).and_then(|node| page.get(usize::from(node)..)) else { return Ok(false) };
            let shown = match flags & (BRANCH | LEAF) {
                BRANCH => match child(node) {
                    Some(child) => self.visit(child, levels, show)?,
                    None => false,
                },
                LEAF => self.value(node)?.map(|value| show(&value)).is_some(),
                _ => false,
            };
            if !shown {
                return Ok(false);
            }
        }
        Ok(true)
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
        let Some(first) = word(data, 0) else { return Ok(None) };
        let pages = self.bytes(first, HEADER as u64 + length)?;
        Ok(pages.map(|mut pages| Cow::Owned(pages.split_off(HEADER))))
    }

    fn page(&mut self, number: u64) -> Result<Option<Vec<u8>>> {
        self.bytes(number, self.size)
    }

    /// So many bytes from the beginning of a page. `None`: they are not in the file, or a damaged tree leads round in
    /// circles.
    fn bytes(&mut self, first: u64, length: u64) -> Result<Option<Vec<u8>>> {
        let Some(from) = first.checked_mul(self.size) else { return Ok(None) };
        if from.checked_add(length).is_none_or(|end| end > self.length) || length > self.left {
            return Ok(None);
        }
        self.left -= length;
        let mut bytes = vec![0; length as usize];
        self.env.file().read_exact_at(&mut bytes, from).map(|()| Some(bytes)).map_err(Code::of)
    }
}

/// What a node says with its two halves: a page's lower bits, or a length.
fn halves(node: &[u8]) -> Option<u64> {
    Some(u64::from(short(node, HALVES.0)?) | u64::from(short(node, HALVES.1)?) << 16)
}

/// The page that a node of a branch leads to. Its flags are the upper bits.
fn child(node: &[u8]) -> Option<u64> {
    let upper = if WORD == 8 { u64::from(short(node, 4)?) << 32 } else { 0 };
    Some(halves(node)? | upper)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|short| u16::from_ne_bytes(*short))
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<WORD>().map(|word| usize::from_ne_bytes(*word) as u64)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::Path;
    use std::ptr;

    use super::*;
    use crate::lmdb::{CloseCursor, Options, Write, bytes, check, val};

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
        let (size, length) = (env.page_size(), env.length().unwrap());
        let look = || {
            let mut pages = Pages { env: &env, size, length, left: 2 * length };
            let (root, whole) = pages.state(env.info().me_last_txnid as u64).unwrap().unwrap();
            (root, pages.are_free(root, length / size..whole / size).unwrap())
        };
        let (root, is_free) = look();
        assert!(is_free);
        let sound = Pages { env: &env, size, length, left: length }.page(root).unwrap().unwrap();
        // What the root says leads to itself, to a page of something else, or nowhere.
        for at in (FLAGS..sound.len()).step_by(2) {
            for garbage in [0, 1, BRANCH, LEAF, root as u16, u16::MAX, size as u16, HEADER as u16] {
                let mut page = sound.clone();
                page[at..at + 2].copy_from_slice(&garbage.to_ne_bytes());
                env.file().write_all_at(&page, root * size).unwrap();
                look();
            }
        }
        let mut all = sound.clone();
        for garbage in [0, 1, 2, 16, 0xff] {
            all.fill(garbage);
            env.file().write_all_at(&all, root * size).unwrap();
            assert!(!look().1, "{garbage}");
        }
        env.file().write_all_at(&sound, root * size).unwrap();
    }
}
