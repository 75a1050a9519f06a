//! What the store lacks: found by its marks, brought to the store by the flusher, and unmarked again.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use super::{Buffer, ENTRY, Key, Put, UNFLUSHED, forget, is_sound};
use crate::entry::Stamp;
use crate::error::{Error, ErrorKind, Result};
use crate::lmdb::Reader;
use crate::record::SessionId;
use crate::shared::Counter;

/// The part of the buffer that may become unflushed before a flush is asked for early.
const PRESSING_SHARE: u64 = 16;
/// Unflushed entries that are marked as flushed in one transaction.
const SETTLE_AT_ONCE: usize = 128;

/// An entry that the store lacks.
#[derive(Debug)]
pub struct Unflushed {
    /// The id.
    pub id: Box<[u8]>,
    /// The encoded entry; `None`: it is damaged or gone, and only its mark is left.
    pub entry: Option<Box<[u8]>>,
}

impl Buffer {
    /// Whether the store lacks what the buffer has under `id`.
    pub fn is_unflushed(&self, id: SessionId<'_>) -> Result<bool> {
        self.reading(|_, txn| Ok(txn.get(Key::of(UNFLUSHED, id).as_bytes())?.is_some()))
    }

    /// The next entries that the store lacks, in the order of their ids, from behind `after` on.
    pub fn unflushed(&self, after: Option<&[u8]>, most: usize, most_bytes: usize) -> Result<Vec<Unflushed>> {
        let from = Key::new(UNFLUSHED, after.unwrap_or(b""));
        self.reading(|_, txn| {
            let (mut found, mut bytes, mut trouble) = (Vec::new(), 0, None);
            txn.scan(from.as_bytes(), &mut |key, _| {
                let Some((&UNFLUSHED, id)) = key.split_first() else { return ControlFlow::Break(()) };
                if after == Some(id) {
                    return ControlFlow::Continue(());
                }
                let value = match txn.get(Key::new(ENTRY, id).as_bytes()) {
                    Ok(value) => value,
                    Err(code) => {
                        trouble = Some(code);
                        return ControlFlow::Break(());
                    }
                };
                bytes += value.map_or(0, <[u8]>::len);
                found
                    .push(Unflushed { id: id.into(), entry: value.filter(|value| is_sound(id, value)).map(Box::from) });
                if found.len() >= most || bytes >= most_bytes {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            trouble.map_or(Ok(found), Err)
        })
    }

    /// Notes that the store has these entries now. One that has changed since stays unflushed, and so does a
    /// tombstone unless `may_forget` says that nobody needs it any more. Damaged ones go.
    /// Returns how many marks went.
    pub fn settle(&self, flushed: &[Unflushed], may_forget: &mut dyn FnMut(&[u8]) -> bool) -> Result<usize> {
        let mut settled = 0;
        for some in flushed.chunks(SETTLE_AT_ONCE) {
            let mut gone = 0;
            let put = self.transact(0, false, |txn| {
                gone = 0;
                for Unflushed { id, entry } in some {
                    let entry_key = Key::new(ENTRY, id);
                    let marker = Key::new(UNFLUSHED, id);
                    let Some(flushed) = entry.as_deref().and_then(Stamp::of) else {
                        if !txn.get(entry_key.as_bytes())?.is_some_and(|value| is_sound(id, value)) {
                            self.shared.add(Counter::DamagedValues, 1);
                            forget(txn, id)?;
                            gone += 1;
                        }
                        continue;
                    };
                    if txn.get(entry_key.as_bytes())?.and_then(Stamp::of) != Some(flushed) {
                        continue;
                    }
                    if flushed.is_tombstone() {
                        if !may_forget(id) {
                            continue;
                        }
                        txn.delete(entry_key.as_bytes())?;
                    }
                    gone += usize::from(txn.delete(marker.as_bytes())?);
                }
                Ok(Put::Done)
            })?;
            if put == Put::Full {
                // They stay marked, and are brought to the store once more.
                return Err(Error::new(ErrorKind::BufferFull, "the session buffer is full; raise rustdb.buffer_size"));
            }
            settled += gone;
        }
        Ok(settled)
    }

    /// Whether this process has noted changes in the buffer, and its background thread has to come by.
    pub fn has_noted_changes(&self) -> bool {
        self.noted.load(Ordering::Relaxed)
    }

    /// Whether anything is unflushed; if not, it is noted that this process has no changes in the buffer.
    pub fn has_unflushed(&self) -> Result<bool> {
        if !self.unflushed(None, 1, 1)?.is_empty() {
            return Ok(true);
        }
        if self.noted.load(Ordering::Relaxed) {
            // Nobody in this process writes while `live` is held so, and a look now tells for sure.
            let live = self.live.write();
            let none = live.env.read().map(|txn| {
                let mut none = true;
                let scanned = txn.scan(&[UNFLUSHED], &mut |key, _| {
                    none = key.first() != Some(&UNFLUSHED);
                    ControlFlow::Break(())
                });
                none && scanned.is_ok()
            });
            if none == Ok(true) {
                self.owner.note_changes(live.epoch, false)?;
                self.noted.store(false, Ordering::Relaxed);
            }
        }
        Ok(false)
    }

    /// Whether so much has become unflushed since this was last true that the flusher had better come before its time:
    /// room is only where the store has everything.
    pub fn presses(&self) -> bool {
        let pending = self.pending.load(Ordering::Relaxed);
        let presses = pending > 0 && pending >= self.size() / PRESSING_SHARE;
        if presses {
            self.pending.store(0, Ordering::Relaxed);
        }
        presses
    }
}
