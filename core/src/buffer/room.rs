//! How a full buffer makes room: it grows as long as it may, then evicts sessions that the store has too.
//!
//! Victims are found by sampling: a few random places in the order of ids, a run of clean entries at each, and of
//! those the run that expires first on average, which is the one used least recently. That needs no bookkeeping when a
//! session is read, and comes close to evicting the least recently used (Redis samples keys for the same reason, see
//! `maxmemory-samples` in its documentation). Whole runs go, not single entries: LMDB gives a page back only when the
//! neighbours on it are gone too.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rand::RngExt;

use super::place::Live;
use super::{Buffer, ENTRY, Key, UNFLUSHED, failed};
use crate::entry::Stamp;
use crate::error::Result;
use crate::lmdb::{Code, Reader, Write};
use crate::shared::Counter;

/// The buffer counts as full at 80 % of its pages: LMDB needs some free ones to write the next version of others.
const FULL_PERCENT: u64 = 80;
/// What one transaction evicts: 1/256 of the buffer, but no more entries than about 0.1 ms allows.
const SHARE: u64 = 256;
const VICTIMS: usize = 128;
/// Runs looked at for one that goes, and the entries of a run.
const SAMPLES: usize = 3;
const RUN: usize = 32;
/// Random places tried before the ids are taken not to be random, and the search begins at the first one.
const TRIES: usize = 16;
/// Entries looked at for a run at a random place.
const LOOKS: usize = 2 * RUN;
/// The same where the ids are not random.
const PATIENCE: usize = 4096;

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
        let inside = self.enter();
        let txn = live.env.write();
        if matches!(txn, Err(Code::MAP_RESIZED)) {
            // Another process made it larger.
            drop((txn, inside));
            drop(live);
            return self.grow().map(|_| Room::Made);
        }
        let mut txn = txn.map_err(failed)?;
        let wanted = (length as u64).max(live.env.extent().0 / SHARE);
        match evict(&mut txn, wanted).and_then(|evicted| txn.commit().map(|()| evicted)) {
            Ok(0) => Ok(Room::AllUnflushed),
            Ok(evicted) => {
                self.shared.add(Counter::BufferEvictions, evicted);
                Ok(Room::Made)
            }
            // A reader that was killed pins its pages until it is cleared away.
            Err(Code::MAP_FULL) => match live.env.clear_dead_readers().map_err(failed)? {
                0 => Ok(Room::Pinned),
                _ => Ok(Room::Made),
            },
            Err(code) => Err(failed(code)),
        }
    }
}

/// A run of clean entries.
struct Run<'t> {
    ids: Vec<&'t [u8]>,
    bytes: u64,
    /// The sum of the seconds they expire at.
    expiries: i128,
}

impl Run<'_> {
    fn mean_expiry(&self) -> i128 {
        self.expiries / self.ids.len() as i128
    }
}

/// Evicts entries of `wanted` bytes together, or as many as one transaction may; returns how many.
fn evict(txn: &mut Write<'_>, wanted: u64) -> Result<u64, Code> {
    let (mut evicted, mut freed, mut tries) = (0, 0, 0);
    while freed < wanted && evicted < VICTIMS as u64 {
        let mut runs = Vec::new();
        while runs.len() < SAMPLES && tries < TRIES {
            tries += 1;
            runs.extend(run_from(txn, &random_place(), LOOKS)?);
        }
        if runs.is_empty() {
            runs.extend(run_from(txn, b"", PATIENCE)?);
        }
        let Some(run) = runs.into_iter().min_by_key(Run::mean_expiry) else { break };
        freed += run.bytes;
        let keys: Vec<Key> = run.ids.iter().map(|id| Key::new(ENTRY, id)).collect();
        for key in &keys {
            txn.delete(key.as_bytes())?;
        }
        evicted += keys.len() as u64;
        tries = 0;
    }
    Ok(evicted)
}

/// A place among ids: PHP draws them evenly from `0-9 a-v` or from more of the characters that are allowed.
fn random_place() -> [u8; 4] {
    let mut random = rand::rng();
    std::array::from_fn(|_| {
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-,"[random.random_range(0..64)]
    })
}

/// The first clean entries from `start` on, among the next `looks` entries. `None`: none of them is clean.
fn run_from<'t>(txn: &'t Write<'_>, start: &[u8], looks: usize) -> Result<Option<Run<'t>>, Code> {
    let mut entries: Vec<(&[u8], u64, i64)> = Vec::with_capacity(LOOKS);
    txn.scan(Key::new(ENTRY, start).as_bytes(), &mut |key, value| {
        let Some((&ENTRY, id)) = key.split_first() else { return ControlFlow::Break(()) };
        // What is too short to be an entry goes first.
        let expires = Stamp::of(value).map_or(i64::MIN, |stamp| stamp.expires().0);
        entries.push((id, value.len() as u64, expires));
        if entries.len() == looks { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    // The marks of unflushed entries are in the same order.
    let Some((first, ..)) = entries.first() else { return Ok(None) };
    let mut rest = entries.as_slice();
    let mut run = Run { ids: Vec::with_capacity(RUN), bytes: 0, expiries: 0 };
    let mut take_until = |unflushed: Option<&[u8]>| {
        while let Some(((id, bytes, expires), others)) = rest.split_first() {
            if run.ids.len() == RUN || unflushed.is_some_and(|unflushed| *id > unflushed) {
                break;
            }
            rest = others;
            if unflushed != Some(*id) {
                run.ids.push(id);
                run.bytes += bytes;
                run.expiries += i128::from(*expires);
            }
        }
        if rest.is_empty() || run.ids.len() == RUN { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    txn.scan(Key::new(UNFLUSHED, first).as_bytes(), &mut |key, _| match key.split_first() {
        Some((&UNFLUSHED, id)) => take_until(Some(id)),
        _ => ControlFlow::Break(()),
    })?;
    let _ = take_until(None);
    Ok((!run.ids.is_empty()).then_some(run))
}
