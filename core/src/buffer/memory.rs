//! The file of the buffer, mapped: its layout, and the few ways to get at it.
//!
//! ```text
//! offset      size        field
//!      0      4096        the first page, `FirstPage`
//!   4096      192 each    the table of segments, `Segment`, in whole pages
//!      …      64 each     the index: buckets of 8 slots (buffer::index), in whole pages
//!      …      equal each  the segments: entries in the order in which they came (buffer::frame)
//! ```
//! The file has its full length from the beginning and is mapped once, but only what lies before the end of the
//! `reserved` segments is ever touched: that much has been reserved on its file system, so nobody dies of SIGBUS when
//! it is full.
//!
//! Other processes read and write the same bytes at any time, so all of it is reached by atomics, bytes of entries too,
//! eight at a time. What is read is a claim: every number is checked against the layout before it leads anywhere.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use rand::RngExt;

use crate::shared::{reserve, reserve_beyond_end, reserve_from};

/// "rustdbM1" as a number: the magic and the version of this layout.
const MAGIC: u64 = u64::from_le_bytes(*b"rustdbM1");
const PAGE: u64 = 4096;
/// What a position in the file is counted in, so that 32 bits are enough: one line of the processor's cache.
pub const UNIT: u64 = 64;
/// The largest file that 32 bits of units can point into.
const LARGEST: u64 = UNIT << 32;
/// Slots in a bucket: a bucket is one line of the processor's cache.
pub const BUCKET: usize = 8;
/// Bytes of the file for each slot of the index. With sessions that take more together with their ids the index is
/// never what runs out first.
const BYTES_A_SLOT: u64 = 512;
/// The size of a segment is a share of the whole, within limits: with small ones little goes when one is cleared, and
/// a look through the index, which clearing one takes, costs less the fewer there are.
const MOST_SEGMENTS: u64 = 64;
const FEWEST_SEGMENTS: u64 = 16;
const LEAST_SEGMENT: u64 = 64 << 10;
const USUAL_SEGMENT: u64 = 1 << 20;
/// With less than this it is not worth having.
const LEAST_SIZE: u64 = 1 << 20;
/// What a new buffer reserves; it doubles up to the configured size as sessions come.
const FIRST_SIZE: u64 = 4 << 20;
/// One to write to and one to clear another into.
const LEAST_SEGMENTS: u64 = 2;

/// The first page.
#[repr(C)]
pub struct FirstPage {
    /// [`MAGIC`]; written last when the file is made.
    magic: AtomicU64,
    /// The length of the file in bytes, from which the layout follows.
    size: AtomicU64,
    /// A random number that goes into the hash of an id, so that nobody can choose ids that share a bucket.
    salt: AtomicU64,
    _line: [u64; 5],
    /// Segments that are reserved on the file system; it only grows.
    reserved: AtomicU64,
    _line_of_reserved: [u64; 7],
    /// Counts the uses of segments: each gets the next number. Lines of their own for what is written often.
    pub uses: AtomicU64,
    _line_of_uses: [u64; 7],
    /// The segment that was opened last, counted from 1: whoever needs another one looks there first.
    pub current: AtomicU64,
    _line_of_current: [u64; 7],
    /// A bit for each group of buckets in which the store may lack an entry, so that a flush for one session need not look
    /// through the whole index. A hint: where somebody was killed it may be missing, and whoever has to know looks
    /// everywhere.
    pub unflushed: Groups,
}

/// A segment's place in the table.
#[repr(C, align(64))]
pub struct Segment {
    /// The number of this use in the upper 32 bits; zero: it is free. In the lower 32 bits the units given out.
    /// Changed in the lower half only by who has the segment's lock shared, in the upper half only by who has it alone.
    pub head: AtomicU64,
    /// Units of entries that the index points to. A guess: a process that is killed leaves it wrong until the segment
    /// is used anew.
    pub live: AtomicI64,
    /// Those of them that the store lacks. A guess too.
    pub unflushed: AtomicI64,
    _line: [u64; 5],
    /// A bit for each group of buckets in which a slot may point into this segment, set before the slot is: whoever
    /// clears the segment looks at no others. Cleared by who has the segment's lock alone.
    pub touched: Groups,
}

/// A bit for each group of buckets, of which there are as many.
pub type Groups = [AtomicU64; 16];
/// The number of groups.
const GROUPS: u64 = 16 * 64;

/// Where everything lies; follows from the size alone. In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The length of the file.
    pub size: u64,
    /// The length of a segment.
    pub segment: u64,
    /// How many segments there are.
    pub segments: u64,
    /// How many buckets there are.
    pub buckets: u64,
    /// How many buckets are a group.
    pub group: u64,
    index_at: u64,
    segments_at: u64,
}

impl Layout {
    /// The layout of a file of `size` bytes, [`LEAST_SIZE`] at least.
    pub fn of(size: u64) -> Layout {
        let size = size.clamp(LEAST_SIZE, LARGEST) & !(PAGE - 1);
        let segment =
            (size / FEWEST_SEGMENTS).clamp(LEAST_SEGMENT, USUAL_SEGMENT.max(size / MOST_SEGMENTS)) & !(PAGE - 1);
        let buckets = size / BYTES_A_SLOT / BUCKET as u64;
        let group = buckets.div_ceil(GROUPS);
        let index_at = PAGE + (size / segment * size_of::<Segment>() as u64).next_multiple_of(PAGE);
        let segments_at = index_at + (buckets * 64).next_multiple_of(PAGE);
        Layout { size, segment, segments: (size - segments_at) / segment, buckets, group, index_at, segments_at }
    }

    /// The bytes before the end of so many segments.
    pub fn end_of(&self, segments: u64) -> u64 {
        self.segments_at + segments * self.segment
    }

    /// How many segments lie within so many bytes.
    pub fn within(&self, bytes: u64) -> u64 {
        (bytes.saturating_sub(self.segments_at) / self.segment).min(self.segments)
    }

    /// The length of a segment in units.
    pub fn units(&self) -> u64 {
        self.segment / UNIT
    }

    /// The units before a segment.
    pub fn first_unit(&self, segment: usize) -> u64 {
        self.end_of(segment as u64) / UNIT
    }

    /// The segment that a unit of the file lies in.
    pub fn segment_of(&self, unit: u64) -> Option<usize> {
        let behind = unit.checked_sub(self.segments_at / UNIT)?;
        Some((behind / self.units()) as usize)
    }
}

/// The mapping.
#[derive(Debug)]
pub struct Memory {
    base: NonNull<u8>,
    layout: Layout,
    file: File,
}

// SAFETY: the mapping is only reached through atomics.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Makes a new buffer of an empty file, for `size` bytes, or less if the file system has no room for a beginning of that.
    pub fn make(file: File, size: u64) -> io::Result<Memory> {
        let mut layout = Layout::of(size);
        let reserved = loop {
            file.set_len(layout.size)?;
            let first = layout.within(FIRST_SIZE).max(LEAST_SEGMENTS).min(layout.segments);
            let reserved = [first, LEAST_SEGMENTS]
                .into_iter()
                .find_map(|segments| reserve(&file, layout.end_of(segments)).ok().map(|()| segments));
            match reserved {
                Some(reserved) => break reserved,
                // If even the least is too much, it has to lie elsewhere.
                None if layout.size <= LEAST_SIZE => {
                    reserve(&file, layout.end_of(LEAST_SEGMENTS))?;
                    break LEAST_SEGMENTS;
                }
                None => layout = Layout::of(layout.size / 2),
            }
        };
        let memory = Memory::map(file, layout)?;
        let page = memory.first_page();
        page.size.store(layout.size, Ordering::Relaxed);
        page.salt.store(rand::rng().random(), Ordering::Relaxed);
        page.reserved.store(reserved, Ordering::Relaxed);
        // Whoever sees the magic sees the rest too.
        page.magic.store(MAGIC, Ordering::Release);
        Ok(memory)
    }

    /// Opens a buffer that is there. `None`: it is damaged, or whoever made it was killed before it was done.
    pub fn open(file: File) -> io::Result<Option<Memory>> {
        let length = file.metadata()?.len();
        let layout = Layout::of(length);
        if length != layout.size {
            return Ok(None);
        }
        let memory = Memory::map(file, layout)?;
        let page = memory.first_page();
        let reserved = page.reserved.load(Ordering::Relaxed);
        if page.magic.load(Ordering::Acquire) != MAGIC
            || page.size.load(Ordering::Relaxed) != layout.size
            || !(LEAST_SEGMENTS..=layout.segments).contains(&reserved)
        {
            return Ok(None);
        }
        // It has been, unless somebody else's hand made the file. Where the file system cannot reserve, nothing may be
        // written instead, as others use the file.
        reserve_beyond_end(&memory.file, layout.end_of(reserved))?;
        Ok(Some(memory))
    }

    fn map(file: File, layout: Layout) -> io::Result<Memory> {
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
        Ok(Memory { base: NonNull::new(base.cast()).expect("mmap returns MAP_FAILED, not null"), layout, file })
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

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

    /// Reserves more segments on the file system, twice the bytes as long as they may be had. Returns whether there are
    /// more now; to be called by one at a time.
    pub fn grow(&self) -> io::Result<bool> {
        let reserved = self.reserved() as u64;
        let end = self.layout.end_of(reserved);
        for wanted in [self.layout.within(2 * end), reserved + 1] {
            let wanted = wanted.max(reserved + 1);
            if wanted > self.layout.segments {
                return Ok(false);
            }
            match reserve_from(&self.file, end, self.layout.end_of(wanted) - end) {
                Ok(()) => {
                    // Release: whoever sees the number may touch the segments.
                    self.first_page().reserved.store(wanted, Ordering::Release);
                    return Ok(true);
                }
                // A full file system: then the buffer is as large as it gets.
                Err(cause) if matches!(cause.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)) => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(false)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `map` and nothing borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.layout.size as usize) };
    }
}
