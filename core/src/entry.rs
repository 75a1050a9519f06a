//! How a session is laid out as one value, in the buffer and in the embedded store alike.
//!
//! ```text
//! offset  size  field
//!      0     1  format version, 1
//!      1     1  kind: 0 a session, 1 a tombstone (destroyed, and the store has not been told yet), 2 a session whose
//!               visitor is known
//!      2     2  zero
//!      4     4  check: low 32 bits of XXH3-64 over bytes 0..2, bytes 8..32 and the session id, little-endian
//!      8     8  expiry, seconds since 1970, little-endian, signed
//!     16    16  version: XXH3-128 of the payload, little-endian; all zero in a tombstone
//!     32     …  payload
//!      …     …  in an entry of kind 2, the visitor (crate::visitor)
//! ```
//! Reading checks all hashes, so a flipped bit, or a value that stands under another session's id, reads as no
//! entry at all and never as somebody's data.

use std::borrow::Cow;

use twox_hash::XxHash3_64;

use crate::record::{Expiry, MAX_ID_LENGTH, Record, SessionId, Version};
use crate::visitor::{self, Visitor};

const FORMAT: u8 = 1;
/// Bytes before the payload.
pub const HEADER: usize = 32;

const SESSION: u8 = 0;
const TOMBSTONE: u8 = 1;
const SESSION_OF_VISITOR: u8 = 2;

/// A value as it was found, borrowed from where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A session; it may have expired.
    Session(Record<'a>),
    /// The session was destroyed.
    Tombstone,
}

/// The part of an entry that tells whether it is still the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp([u8; HEADER]);

impl Stamp {
    /// The stamp of an encoded entry; `None` if it is too short to be one.
    pub fn of(value: &[u8]) -> Option<Stamp> {
        value.first_chunk().map(|header| Stamp(*header))
    }

    /// The stamp of an entry found under `id`; `None` if it is not one of this id.
    pub fn of_entry(id: &[u8], value: &[u8]) -> Option<Stamp> {
        let id = SessionId::parse(id).ok()?;
        let stamp = Stamp::of(value)?;
        (stamp.0[0] == FORMAT && stamp.0[1] <= SESSION_OF_VISITOR && stamp.0[4..8] == check(&stamp.0, id))
            .then_some(stamp)
    }

    /// The version the entry carries.
    pub fn version(&self) -> Version {
        Version(u128::from_le_bytes(*self.0[16..].first_chunk().expect("a stamp has 32 bytes")))
    }

    /// Whether the entry is a tombstone.
    pub fn is_tombstone(&self) -> bool {
        self.0[1] == TOMBSTONE
    }

    /// The expiry the entry carries.
    pub fn expires(&self) -> Expiry {
        Expiry(i64::from_le_bytes(*self.0[8..].first_chunk().expect("a stamp has 32 bytes")))
    }
}

fn header(id: SessionId<'_>, kind: u8, expires: Expiry, version: Version) -> [u8; HEADER] {
    let mut header = [0u8; HEADER];
    header[0] = FORMAT;
    header[1] = kind;
    header[8..16].copy_from_slice(&expires.0.to_le_bytes());
    header[16..32].copy_from_slice(&version.0.to_le_bytes());
    let check = check(&header, id);
    header[4..8].copy_from_slice(&check);
    header
}

fn check(header: &[u8; HEADER], id: SessionId<'_>) -> [u8; 4] {
    // One run of bytes and one call: hashing piece by piece costs several times as much for so few.
    let mut bytes = [0u8; 2 + 24 + MAX_ID_LENGTH];
    let id = id.as_bytes();
    bytes[..2].copy_from_slice(&header[..2]);
    bytes[2..26].copy_from_slice(&header[8..]);
    bytes[26..26 + id.len()].copy_from_slice(id);
    (XxHash3_64::oneshot(&bytes[..26 + id.len()]) as u32).to_le_bytes()
}

/// The entry that keeps a session, in parts that lie one behind the other: its header, the payload, and what follows.
pub fn session_parts<'r>(id: SessionId<'_>, record: &'r Record<'_>) -> ([u8; HEADER], &'r [u8], &'r [u8]) {
    let visitor = record.visitor.as_bytes();
    let kind = if visitor.is_empty() { SESSION } else { SESSION_OF_VISITOR };
    (header(id, kind, record.expires, record.version), &record.payload, visitor)
}

/// The same in one piece: writes it into `out`, which has [`HEADER`] bytes more than payload and visitor.
pub fn encode_session(id: SessionId<'_>, record: &Record<'_>, out: &mut [u8]) {
    let (header, payload, visitor) = session_parts(id, record);
    out[..HEADER].copy_from_slice(&header);
    let (first, second) = out[HEADER..].split_at_mut(payload.len());
    first.copy_from_slice(payload);
    second.copy_from_slice(visitor);
}

/// A tombstone of `id`.
pub fn encode_tombstone(id: SessionId<'_>) -> [u8; HEADER] {
    header(id, TOMBSTONE, Expiry(0), Version(0))
}

/// Reads a value found under `id`. `None`: it is damaged, foreign or of another format.
pub fn decode<'a>(id: SessionId<'_>, value: &'a [u8]) -> Option<Entry<'a>> {
    let (head, rest) = value.split_first_chunk::<HEADER>()?;
    decode_parts(id, head, rest)
}

/// The same for a value whose header and what follows it do not lie together.
pub fn decode_parts<'a>(id: SessionId<'_>, head: &[u8; HEADER], rest: impl Into<Cow<'a, [u8]>>) -> Option<Entry<'a>> {
    let rest = rest.into();
    if head[0] != FORMAT || head[2..4] != [0, 0] || head[4..8] != check(head, id) {
        return None;
    }
    let (payload, visitor) = match head[1] {
        TOMBSTONE => return rest.is_empty().then_some(Entry::Tombstone),
        SESSION => (rest, Visitor::UNKNOWN),
        SESSION_OF_VISITOR => split(rest)?,
        _ => return None,
    };
    let (version, expires) = (Stamp(*head).version(), Stamp(*head).expires());
    (Version::of(&payload) == version).then_some(Entry::Session(Record { payload, version, expires, visitor }))
}

/// Parts a payload from the visitor behind it.
fn split(rest: Cow<'_, [u8]>) -> Option<(Cow<'_, [u8]>, Visitor<'_>)> {
    match rest {
        Cow::Borrowed(rest) => {
            let visitor = visitor::at_end_of(rest)?;
            Some((rest[..rest.len() - visitor.as_bytes().len()].into(), visitor))
        }
        Cow::Owned(mut rest) => {
            let visitor = visitor::at_end_of(&rest)?.into_owned();
            rest.truncate(rest.len() - visitor.as_bytes().len());
            Some((rest.into(), visitor))
        }
    }
}

/// The visitor of an entry, which need not be whole; unknown where it cannot be read.
pub fn visitor_of(value: &[u8]) -> Visitor<'_> {
    let known = value.get(HEADER..).filter(|_| value[1] == SESSION_OF_VISITOR);
    known.and_then(visitor::at_end_of).unwrap_or_default()
}
