//! How an entry stands in a segment.
//!
//! ```text
//! offset  size  field
//!      0     4  length of the entry in bytes
//!      4     2  length of the id
//!      6     2  zero
//!      8     …  zeros, as many as bring the end of the id to a multiple of 8
//!      …     …  the id
//!      …     …  the entry (crate::entry)
//! ```
//! It begins at a multiple of 64 bytes, takes a multiple of 64, and does not reach over the end of its segment.
//!
//! It may be overwritten while it is read, or cut short where its writer was killed. Who reads one looks at the slot
//! that led there once more afterwards; and an entry has a check of its own.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::copy;
use super::layout::UNIT;
use super::memory::Memory;
use crate::entry::HEADER;
use crate::record::MAX_ID_LENGTH;
use crate::visitor;

/// Bytes before the id and what fills it up.
const LENGTHS: usize = 8;

/// Bytes before the entry.
fn before_entry(id: usize) -> usize {
    LENGTHS + id.next_multiple_of(8)
}

/// The units that an entry of `length` bytes takes under an id of `id` bytes.
pub fn units(id: usize, length: usize) -> u64 {
    ((before_entry(id) + length) as u64).div_ceil(UNIT)
}

/// The longest entry that fits into a segment under any id.
pub fn longest(segment: u64) -> usize {
    segment as usize - before_entry(MAX_ID_LENGTH)
}

/// A place in a segment where an entry seems to stand.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'m> {
    /// All of it.
    words: &'m [AtomicU64],
    id: usize,
    length: usize,
}

impl<'m> Frame<'m> {
    /// What stands at `unit` of the file. `None`: no entry does.
    pub fn at(memory: &'m Memory, unit: u64) -> Option<Frame<'m>> {
        let layout = memory.layout();
        let segment = layout.segment_of(unit).filter(|segment| *segment < memory.reserved())?;
        let room = (layout.first_unit(segment + 1) - unit) * UNIT;
        let lengths = memory.words(unit * UNIT, 8)[0].load(Ordering::Relaxed);
        let (length, id) = (lengths as u32 as usize, (lengths >> 32) as usize);
        if !(1..=MAX_ID_LENGTH).contains(&id) || length < HEADER || (before_entry(id) + length) as u64 > room {
            return None;
        }
        let words = memory.words(unit * UNIT, (before_entry(id) + length) as u64);
        Some(Frame { words, id, length })
    }

    /// The units it takes.
    pub fn units(&self) -> u64 {
        units(self.id, self.length)
    }

    /// Whether it is an entry of this id.
    pub fn is_of(&self, id: &[u8]) -> bool {
        self.id == id.len() && {
            let mut bytes = [0; MAX_ID_LENGTH];
            self.copy_id(&mut bytes) == id
        }
    }

    /// Its id.
    pub fn id(&self) -> Box<[u8]> {
        let mut bytes = [0; MAX_ID_LENGTH];
        Box::from(self.copy_id(&mut bytes))
    }

    fn copy_id<'a>(&self, bytes: &'a mut [u8; MAX_ID_LENGTH]) -> &'a [u8] {
        let words = &self.words[LENGTHS / 8..before_entry(self.id) / 8];
        for (word, bytes) in words.iter().zip(bytes.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        &bytes[words.len() * 8 - self.id..words.len() * 8]
    }

    /// The first bytes of the entry.
    pub fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let words = &self.words[before_entry(self.id) / 8..];
        for (word, bytes) in words.iter().zip(header.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        header
    }

    /// The bytes of the entry from one of them on, which is a multiple of 8.
    pub fn bytes_from(&self, first: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        copy::load(&self.words[(before_entry(self.id) + first) / 8..], self.length - first, &mut bytes);
        bytes
    }

    /// Copies it to another place, which has room for it and is nobody else's.
    pub fn copy_to(&self, memory: &Memory, unit: u64) {
        let to = memory.words(unit * UNIT, (self.words.len() * 8) as u64);
        begin();
        // The lengths as they were checked: somebody else may have changed what stands there.
        to[0].store(lengths(self.id, self.length), Ordering::Relaxed);
        copy::between(&self.words[1..], &to[1..]);
    }
}

fn lengths(id: usize, length: usize) -> u64 {
    length as u64 | (id as u64) << 32
}

/// Comes before what is written to a place that had another entry once.
fn begin() {
    // Release: whoever reads any of it, and then looks at the slot of the entry that was there before, finds that changed.
    fence(Ordering::Release);
}

/// Writes an entry, which comes in parts, the first of [`HEADER`] bytes and the last of few, to a place that has room for it
/// and is nobody else's. Relaxed: the slot that leads there is set afterwards, with Release.
pub fn write(memory: &Memory, unit: u64, id: &[u8], header: &[u8; HEADER], payload: &[u8], visitor: &[u8]) {
    let length = HEADER + payload.len() + visitor.len();
    let words = memory.words(unit * UNIT, (before_entry(id.len()) + length) as u64);
    begin();
    words[0].store(lengths(id.len(), length), Ordering::Relaxed);
    let mut filled = [0; MAX_ID_LENGTH];
    let id_end = id.len().next_multiple_of(8);
    filled[id_end - id.len()..id_end].copy_from_slice(id);
    let (first, rest) = words[1..].split_at(id_end / 8);
    let (second, rest) = rest.split_at(HEADER / 8);
    let (third, fourth) = rest.split_at(payload.len() / 8);
    let (whole, begun) = payload.split_at(third.len() * 8);
    let mut last = [0; 8 + visitor::LONGEST];
    last[..begun.len()].copy_from_slice(begun);
    last[begun.len()..begun.len() + visitor.len()].copy_from_slice(visitor);
    copy::store(first, &filled[..id_end]);
    copy::store(second, header);
    copy::store(third, whole);
    copy::store(fourth, &last[..begun.len() + visitor.len()]);
}
