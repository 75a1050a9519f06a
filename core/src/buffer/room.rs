//! How a full buffer makes room: it grows as long as it may, then evicts sessions that the store has too.
//!
//! Victims are found by sampling: a random place in the order of ids, the next few clean entries there, and of those
//! the one that expires first, which is the one used least recently. That needs no bookkeeping when a session is
//! read, and comes close to evicting the least recently used (Redis samples five keys for the same reason, see
//! `maxmemory-samples` in its documentation).

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rand::RngExt;

use super::place::Live;
use super::{Buffer, ENTRY, Key, UNFLUSHED, failed};
use crate::entry::Stamp;
use crate::error::Result;
use crate::lmdb::{Code, Reader, Write};
use crate::record::Expiry;
use crate::shared::Counter;

/// The buffer counts as full at 80 % of its pages: LMDB needs some free ones to write the next version of others.
const FULL_PERCENT: u64 = 80;
/// Evictions in one transaction; bounds it to about 0.1 ms.
const VICTIMS: usize = 64;
/// Clean entries looked at for one victim.
const SAMPLE: usize = 5;
/// Entries looked at for one victim, clean or not.
const LOOKS: usize = 20;

/// Whether `length` bytes more would make the buffer too full.
pub fn is_short(live: &Live, txn: &Write<'_>, length: usize) -> bool {
    let (map, _) = live.env.extent();
    txn.usage().bytes + length as u64 > map / 100 * FULL_PERCENT
}

/// What became of an attempt to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There is some now.
    Made,
    /// Everything that is left is unflushed.
    AllUnflushed,
    /// Free pages are in sight, but somebody still reads what was on them.
    Pinned,
}

impl Buffer {
    /// Makes room for `length` bytes.
    pub(super) fn make_room(&self, length: usize) -> Result<Room> {
        if !self.full_grown.load(Ordering::Relaxed) {
            if self.grow()? {
                return Ok(Room::Made);
            }
            self.full_grown.store(true, Ordering::Relaxed);
        }
        let live = self.live.read();
        let txn = live.env.write();
        if matches!(txn, Err(Code::MAP_RESIZED)) {
            // Another process made it larger.
            drop(txn);
            drop(live);
            return self.grow().map(|_| Room::Made);
        }
        let mut txn = txn.map_err(failed)?;
        let wanted = (length as u64).max(live.env.extent().0 / 256);
        match evict(&mut txn, wanted).and_then(|evicted| txn.commit().map(|()| evicted)) {
            Ok(0) => Ok(Room::AllUnflushed),
            Ok(evicted) => {
                self.shared.add(Counter::BufferEvictions, evicted);
                Ok(Room::Made)
            }
            Err(Code::MAP_FULL) => Ok(Room::Pinned),
            Err(code) => Err(failed(code)),
        }
    }
}

/// Evicts entries of `wanted` bytes together, or as many as one transaction may; returns how many.
fn evict(txn: &mut Write<'_>, wanted: u64) -> Result<u64, Code> {
    let mut random = rand::rng();
    let (mut evicted, mut freed) = (0, 0);
    for _ in 0..VICTIMS {
        // Ids of PHP are drawn from `0-9 a-v A-Z , -`, evenly; a short random start spreads the samples well
        // enough, and for other ids the scan still finds whatever follows.
        let start: [u8; 4] = std::array::from_fn(|_| b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-,"
            [random.random_range(0..64)]);
        let mut victim = sample(txn, &start)?;
        if victim.is_none() {
            victim = sample(txn, b"")?;
        }
        let Some((id, length)) = victim else { break };
        txn.delete(Key::new(ENTRY, &id).as_bytes())?;
        evicted += 1;
        freed += length as u64;
        if freed >= wanted {
            break;
        }
    }
    Ok(evicted)
}

/// The clean entry that expires first among the next few from `start` on, and its size.
fn sample(txn: &Write<'_>, start: &[u8]) -> Result<Option<(Box<[u8]>, usize)>, Code> {
    let mut best: Option<(Expiry, Box<[u8]>, usize)> = None;
    let (mut clean, mut looks) = (0, 0);
    let mut trouble = None;
    txn.scan(Key::new(ENTRY, start).as_bytes(), &mut |key, value| {
        let Some((&ENTRY, id)) = key.split_first() else { return ControlFlow::Break(()) };
        looks += 1;
        match txn.get(Key::new(UNFLUSHED, id).as_bytes()) {
            Err(code) => {
                trouble = Some(code);
                return ControlFlow::Break(());
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                clean += 1;
                // What is too short to be an entry goes first.
                let expires = Stamp::of(value).map_or(Expiry(i64::MIN), |stamp| stamp.expires());
                if best.as_ref().is_none_or(|(earliest, ..)| expires < *earliest) {
                    best = Some((expires, id.into(), value.len()));
                }
            }
        }
        if clean == SAMPLE || looks == LOOKS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    match trouble {
        Some(code) => Err(code),
        None => Ok(best.map(|(_, id, length)| (id, length))),
    }
}

