//! The file of the buffer ([`Layout`]), mapped, and the few ways to get at it.
//!
//! Other processes read and write the same bytes at any time, so all of it is reached by atomics, and runs of bytes by
//! `buffer::copy`. What is read is a claim: every number is checked against the layout before it leads anywhere.

use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngExt;

use super::layout::{BUCKET, FirstPage, Groups, LEAST_SIZE, Layout, PAGE, Segment};
use crate::lock::set_lock;
use crate::process::LockFile;
use crate::shared::{reserve, reserve_beyond_end, reserve_from};

/// "rustdbM1" as a number: the magic and the version of this layout.
const MAGIC: u64 = u64::from_le_bytes(*b"rustdbM1");
/// What a new buffer reserves, and about what it grows by as sessions come. Who makes it grow waits for the kernel to
/// clear the pages, a millisecond or two for as many.
const STEP: u64 = 4 << 20;
/// One to write to and one to clear another into.
const LEAST_SEGMENTS: u64 = 2;

/// How a segment is held: by a lock on the byte of the file that has its number, whatever stands there. Locks belong to
/// the open file, of which a process has one for each mapping; so its threads hold a segment together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Not at all.
    None,
    /// Together with others, to write to it.
    Shared,
    /// Alone, to clear it.
    Alone,
}

/// What a new buffer is to be like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Of so many bytes, or fewer if there is no room for a beginning of that.
    UpTo(u64),
    /// With the salt of another one, and its size or twice that: then no bucket has to take more entries than one there.
    Like {
        /// The size in bytes.
        size: u64,
        /// The salt.
        salt: u64,
    },
}

/// The mapping.
#[derive(Debug)]
pub struct Memory {
    base: NonNull<u8>,
    layout: Layout,
    file: LockFile,
}

// SAFETY: the mapping is only reached through atomics.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Makes a new buffer of an empty file, which nobody else opens before this is done.
    pub fn make(file: File, shape: Shape) -> io::Result<Memory> {
        let (size, salt, least) = match shape {
            Shape::UpTo(size) => (size, rand::rng().random(), LEAST_SIZE),
            Shape::Like { size, salt } => (size, salt, size),
        };
        let mut layout = Layout::of(size);
        let (reserved, base) = loop {
            match begin(&file, &layout).and_then(|reserved| Ok((reserved, map(&file, &layout)?))) {
                Ok(begun) => break begun,
                // The file system has no room, or a limit on address space is met.
                Err(cause)
                    if layout.size > least
                        && matches!(cause.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT | libc::ENOMEM)) =>
                {
                    layout = Layout::of(layout.size / 2);
                }
                Err(cause) => return Err(cause),
            }
        };
        let memory = Memory { base, layout, file: LockFile::new(file) };
        let page = memory.first_page();
        page.size.store(layout.size, Ordering::Relaxed);
        page.salt.store(salt, Ordering::Relaxed);
        page.reserved.store(reserved, Ordering::Relaxed);
        page.magic.store(MAGIC, Ordering::Relaxed);
        Ok(memory)
    }

    /// Opens a buffer that is there. `None`: it is damaged.
    pub fn open(file: File) -> io::Result<Option<Memory>> {
        let metadata = file.metadata()?;
        let layout = Layout::of(metadata.len());
        if metadata.len() != layout.size {
            return Ok(None);
        }
        // Read, and not looked at through the mapping: what has not been reserved would end the process.
        let mut page = [0; size_of::<FirstPage>()];
        file.read_exact_at(&mut page, 0)?;
        let word = |at: usize| page[at..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
        let reserved = word(offset_of!(FirstPage, reserved));
        if word(offset_of!(FirstPage, magic)) != MAGIC
            || word(offset_of!(FirstPage, size)) != layout.size
            || !(LEAST_SEGMENTS..=layout.segments).contains(&reserved)
        {
            return Ok(None);
        }
        // It has been, unless somebody else's hand made the file. Where the file system cannot reserve, nothing may be
        // written instead, as others use the file.
        if metadata.blocks() * 512 < layout.end_of(reserved) {
            reserve_beyond_end(&file, layout.end_of(reserved))?;
        }
        Ok(Some(Memory { base: map(&file, &layout)?, layout, file: LockFile::new(file) }))
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The file.
    pub fn file(&self) -> &LockFile {
        &self.file
    }

    /// Holds a segment; `false` if others are in the way. To make the file larger one holds [`Memory::GROWING`] alone.
    pub fn hold(&self, segment: usize, hold: Hold) -> io::Result<bool> {
        let kind = match hold {
            Hold::None => libc::F_UNLCK,
            Hold::Shared => libc::F_RDLCK,
            Hold::Alone => libc::F_WRLCK,
        };
        set_lock(self.file.fd(), kind, segment as u64)
    }

    /// In the place of a segment: the right to make the file larger.
    pub const GROWING: usize = u32::MAX as usize;

    /// The first page.
    pub fn first_page(&self) -> &FirstPage {
        // SAFETY: the mapping begins on a page and is longer than this struct, which consists of atomics and of fields
        // that nobody reads.
        unsafe { self.base.cast().as_ref() }
    }

    /// What goes into the hash of an id.
    pub fn salt(&self) -> u64 {
        self.first_page().salt.load(Ordering::Relaxed)
    }

    /// How many segments may be used.
    pub fn reserved(&self) -> usize {
        // Acquire: the reservation comes before the number that tells of it.
        self.first_page().reserved.load(Ordering::Acquire).min(self.layout.segments) as usize
    }

    /// The segment that was opened last.
    pub fn current(&self) -> Option<usize> {
        let current = self.first_page().current.load(Ordering::Relaxed) as usize;
        current.checked_sub(1).filter(|segment| *segment < self.reserved())
    }

    /// The table of the segments that may be used.
    pub fn segments(&self) -> &[Segment] {
        // SAFETY: the table begins on the second page and has a place for every segment of the layout, each of which
        // consists of atomics and of fields that nobody reads.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(PAGE as usize).cast(), self.reserved()) }
    }

    /// The index.
    pub fn buckets(&self) -> &[[AtomicU64; BUCKET]] {
        // SAFETY: the layout has so many buckets at this place, on a page of their own, and they are only used as atomics.
        unsafe {
            let first = self.base.as_ptr().add(self.layout.index_at as usize);
            std::slice::from_raw_parts(first.cast(), self.layout.buckets as usize)
        }
    }

    /// Calls `visit` for each bucket, and its number, of the groups whose bits are set.
    pub fn each_bucket<'m>(&'m self, groups: [u64; 16], mut visit: impl FnMut(usize, &'m [AtomicU64; BUCKET])) {
        let all = self.buckets();
        let group = self.layout.group as usize;
        for (word, mut bits) in groups.into_iter().enumerate() {
            while bits != 0 {
                let number = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let first = (number * group).min(all.len());
                for (at, bucket) in all[first..(first + group).min(all.len())].iter().enumerate() {
                    visit(first + at, bucket);
                }
            }
        }
    }

    /// All groups.
    pub const ALL: [u64; 16] = [u64::MAX; 16];

    /// Sets the bit of a bucket's group.
    pub fn set_group(&self, groups: &Groups, bucket: usize) {
        let group = bucket / self.layout.group as usize;
        let (word, bit) = (&groups[group / 64], 1 << (group % 64));
        // Mostly it is set.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// The words of `bytes` bytes, rounded up, from `at` on; `at` is a multiple of 8.
    ///
    /// # Panics
    /// If they do not lie within the segments that are reserved.
    pub fn words(&self, at: u64, bytes: u64) -> &[AtomicU64] {
        let within = at >= self.layout.segments_at && at + bytes <= self.layout.end_of(self.reserved() as u64);
        assert!(within && at % 8 == 0, "a place outside the segments of the session buffer");
        // SAFETY: they lie within the mapping, as segments end on whole pages, are aligned, and are only used as atomics.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(at as usize).cast(), bytes.div_ceil(8) as usize) }
    }

    /// Reserves more segments on the file system. Returns whether there are more now; to be called by one at a time.
    pub fn grow(&self) -> bool {
        let reserved = self.reserved() as u64;
        let end = self.layout.end_of(reserved);
        [STEP / self.layout.segment, 1].into_iter().any(|more| {
            let wanted = (reserved + more.max(1)).min(self.layout.segments);
            // Where it fails, for want of room or of memory, the buffer is as large as it gets.
            let grown =
                wanted > reserved && reserve_from(&self.file.file(), end, self.layout.end_of(wanted) - end).is_ok();
            if grown {
                // Release: whoever sees the number may touch the segments.
                self.first_page().reserved.store(wanted, Ordering::Release);
            }
            grown
        })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.file.is_inherited() {
            // This process never had the mapping (`map`), and may have something else there.
            return;
        }
        // SAFETY: the mapping was made in `map` and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.layout.size as usize) };
    }
}

/// Gives a new file its length and reserves its beginning; returns how many segments that has.
fn begin(file: &File, layout: &Layout) -> io::Result<u64> {
    file.set_len(layout.size)?;
    let first = layout.within(STEP).max(LEAST_SEGMENTS);
    if reserve(file, layout.end_of(first)).is_ok() {
        return Ok(first);
    }
    reserve(file, layout.end_of(LEAST_SEGMENTS)).map(|()| LEAST_SEGMENTS)
}

fn map(file: &File, layout: &Layout) -> io::Result<NonNull<u8>> {
    // SAFETY: a new shared mapping of a file that has this length; all of its bytes are only used as atomics.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            layout.size as usize,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // A child would keep the open file alive by the mapping, and with it the locks of a parent that is killed.
    // SAFETY: it is the mapping that was just made.
    if unsafe { libc::madvise(base, layout.size as usize, libc::MADV_DONTFORK) } != 0 {
        let cause = io::Error::last_os_error();
        // SAFETY: as above, and nothing refers to it yet.
        unsafe { libc::munmap(base, layout.size as usize) };
        return Err(cause);
    }
    Ok(NonNull::new(base.cast()).expect("mmap returns MAP_FAILED, not null"))
}
