//! How a session is laid out as one value, in the buffer and in the embedded store alike.
//!
//! ```text
//! offset  size  field
//!      0     1  format version, 1
//!      1     1  kind: 0 a session, 1 a tombstone (destroyed, and the store has not been told yet)
//!      2     2  zero
//!      4     4  check: low 32 bits of XXH3-64 over bytes 0..2, bytes 8..32 and the session id, little-endian
//!      8     8  expiry, seconds since 1970, little-endian, signed
//!     16    16  version: XXH3-128 of the payload, little-endian; all zero in a tombstone
//!     32     …  payload
//! ```
//! Reading checks both hashes, so a flipped bit, or a value that stands under another session's id, reads as no
//! entry at all and never as somebody's data.

use std::borrow::Cow;

use twox_hash::XxHash3_64;

use crate::record::{Expiry, MAX_ID_LENGTH, Record, SessionId, Version};

const FORMAT: u8 = 1;
/// Bytes before the payload.
pub const HEADER: usize = 32;

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
        (stamp.0[0] == FORMAT && stamp.0[1] <= 1 && stamp.0[4..8] == check(&stamp.0, id)).then_some(stamp)
    }

    /// The version the entry carries.
    pub fn version(&self) -> Version {
        Version(u128::from_le_bytes(*self.0[16..].first_chunk().expect("a stamp has 32 bytes")))
    }

    /// Whether the entry is a tombstone.
    pub fn is_tombstone(&self) -> bool {
        self.0[1] == 1
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

/// Writes a session into `out`, which has [`HEADER`] bytes more than the payload.
pub fn encode_session(id: SessionId<'_>, record: &Record<'_>, out: &mut [u8]) {
    out[..HEADER].copy_from_slice(&session_header(id, record));
    out[HEADER..].copy_from_slice(&record.payload);
}

/// A tombstone of `id`.
pub fn encode_tombstone(id: SessionId<'_>) -> [u8; HEADER] {
    header(id, 1, Expiry(0), Version(0))
}

/// The header of the entry that keeps a session.
pub fn session_header(id: SessionId<'_>, record: &Record<'_>) -> [u8; HEADER] {
    header(id, 0, record.expires, record.version)
}

/// Reads a value found under `id`. `None`: it is damaged, foreign or of another format.
pub fn decode<'a>(id: SessionId<'_>, value: &'a [u8]) -> Option<Entry<'a>> {
    let (head, payload) = value.split_first_chunk::<HEADER>()?;
    decode_parts(id, head, payload)
}

/// The same for a value whose header and payload do not lie together.
pub fn decode_parts<'a>(
    id: SessionId<'_>,
    head: &[u8; HEADER],
    payload: impl Into<Cow<'a, [u8]>>,
) -> Option<Entry<'a>> {
    let payload = payload.into();
    if head[0] != FORMAT || head[2..4] != [0, 0] || head[4..8] != check(head, id) {
        return None;
    }
    match head[1] {
        1 => payload.is_empty().then_some(Entry::Tombstone),
        0 => {
            let (version, expires) = (Stamp(*head).version(), Stamp(*head).expires());
            (Version::of(&payload) == version).then_some(Entry::Session(Record { payload, version, expires }))
        }
        _ => None,
    }
}
