//! What a process does when the buffer's file was deleted under it (logind's RemoveIPC, or somebody who tidied up): it
//! goes on with a new one, and carries over what the store lacks.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use super::epoch::Epochs;
use super::place::Live;
use super::{Buffer, ENTRY, Key, LONGEST_DRAIN, PATIENCE, UNFLUSHED, failed};
use crate::error::{ErrorKind, Result};
use crate::lmdb::{Code, Reader};

impl Buffer {
    /// Opens the buffer anew after its file was deleted, and carries over what the store lacks.
    pub(super) fn reopen(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            match self.try_reopen() {
                // Somebody has newer changes and carries them over first; or whoever deletes the files is not done yet.
                Err(error)
                    if begun.elapsed() < LONGEST_DRAIN
                        && (error.kind() == ErrorKind::Draining || begun.elapsed() < PATIENCE) =>
                {
                    std::thread::sleep(Duration::from_millis(1));
                }
                reopened => return reopened,
            }
        }
    }

    fn try_reopen(&self) -> Result<()> {
        let _opening = self.owner.open_lock()?;
        let mut live = self.live.write();
        if !live.is_unlinked() {
            return Ok(());
        }
        let epochs = Epochs { owner: &self.owner, shared: &self.shared, mine: Some(live.epoch) };
        let new = RwLock::new(self.place.open(false, epochs)?);
        // Held until everything is carried over, so that others wait at the gate. What is written to the new file goes past
        // it; there is nobody yet who would write much.
        let inside = self.enter();
        if matches!(live.env.write().map(drop), Err(Code::MAP_RESIZED)) {
            // It was enlarged by others since this process looked last.
            live.grow()?;
        }
        // What is carried over are changes of this process's from now on.
        let epoch = new.read().epoch;
        self.owner.note_changes(epoch, true)?;
        {
            // The old file's writer lock is held until the new one has everything. Its marks go with it, so that
            // the next process to come here finds nothing to carry over an entry that has changed since.
            let mut old = live.env.write().map_err(failed)?;
            let mut ids: Vec<Box<[u8]>> = Vec::new();
            old.scan(&[UNFLUSHED], &mut |key, _| match key.split_first() {
                Some((&UNFLUSHED, id)) => {
                    ids.push(id.into());
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(()),
            })
            .map_err(failed)?;
            for id in ids {
                if let Some(value) = old.get(Key::new(ENTRY, &id).as_bytes()).map_err(failed)? {
                    carry(&new, &id, value)?;
                }
                old.delete(Key::new(UNFLUSHED, &id).as_bytes()).map_err(failed)?;
            }
            old.commit().map_err(failed)?;
        }
        drop(inside);
        let old = std::mem::replace(&mut *live, new.into_inner());
        self.full_grown.store(false, Ordering::Relaxed);
        self.noted.store(true, Ordering::Relaxed);
        self.owner.note_changes(old.epoch, false)
    }
}

/// Puts an unflushed entry into a new buffer, unless that has a newer one.
fn carry(new: &RwLock<Live>, id: &[u8], value: &[u8]) -> Result<()> {
    loop {
        let put = {
            let live = new.read();
            let key = Key::new(ENTRY, id);
            live.env.write().and_then(|mut txn| {
                if txn.get(key.as_bytes())?.is_none() {
                    txn.put(key.as_bytes(), value.len(), |out| out.copy_from_slice(value))?;
                    txn.put_marker(Key::new(UNFLUSHED, id).as_bytes())?;
                }
                txn.commit()
            })
        };
        match put {
            Err(Code::MAP_RESIZED | Code::MAP_FULL) if new.write().grow()? => {}
            other => return other.map_err(failed),
        }
    }
}
