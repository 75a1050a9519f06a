//! The layout of the file of the buffer.
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

use std::sync::atomic::{AtomicI64, AtomicU64};

pub(super) const PAGE: u64 = 4096;
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
const MOST_SEGMENTS: u64 = 1024;
const FEWEST_SEGMENTS: u64 = 16;
const LEAST_SEGMENT: u64 = 64 << 10;
const USUAL_SEGMENT: u64 = 1 << 20;
/// With less than this it is not worth having.
pub(super) const LEAST_SIZE: u64 = 1 << 20;

/// The first page.
#[repr(C)]
pub struct FirstPage {
    /// "rustdbM1", the magic and the version of this layout.
    pub(super) magic: AtomicU64,
    /// The length of the file in bytes, from which the layout follows.
    pub(super) size: AtomicU64,
    /// A random number that goes into the hash of an id, so that nobody can choose ids that share a bucket.
    pub(super) salt: AtomicU64,
    _line: [u64; 5],
    /// Segments that are reserved on the file system; it only grows.
    pub(super) reserved: AtomicU64,
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
    pub(super) index_at: u64,
    pub(super) segments_at: u64,
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
