//! What a process does when the buffer's file was deleted under it (logind's RemoveIPC, or somebody who tidied up): it
//! goes on with a new one, and carries over what the store lacks.
//!
//! Others may still write to the old file. Each looks, after its change, whether the file has a name yet; if not, it
//! comes here too, and makes its change once more in the new one. What was changed before the file was deleted is found
//! by the first who comes here. It clears the mark of what it has carried over, so that the next one does not
//! bring a state that has changed since.

use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use super::epoch::Epochs;
use super::index::{self, Inserted, Key, Slot};
use super::memory::Memory;
use super::segment::Writer;
use super::{Buffer, LONGEST_DRAIN, frame, is_sound};
use crate::entry::HEADER;
use crate::error::{Error, ErrorKind, Result};
use crate::record::SessionId;

/// How long whoever deletes the files may take for it.
const PATIENCE: Duration = Duration::from_millis(500);

impl Buffer {
    /// Opens the buffer anew after its file was deleted, and carries over what the store lacks.
    pub(super) fn reopen(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            match self.try_reopen() {
                // Somebody has newer changes and carries them over first, or flushes what fills the new one; or whoever
                // deletes the files is not done yet.
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
        // No thread of this process writes or reads meanwhile.
        let mut live = self.live.write();
        if !live.is_unlinked() {
            return Ok(());
        }
        let epochs = Epochs { owner: &self.owner, shared: &self.shared, mine: Some(live.epoch) };
        // Room for all that it has, also if another process with another setting made it.
        let new = self.place.at_least(live.memory.layout().size).open(false, epochs)?;
        // What is carried over are changes of this process's from now on.
        self.owner.note_changes(new.epoch, true)?;
        // Whoever has changed something and still saw a name has done so before this look at the slots.
        fence(Ordering::SeqCst);
        {
            let mut writer = new.writer(&self.shared);
            writer.unflushed_percent = 100;
            let carried = self.carry(&live.memory, &mut writer);
            if carried.is_err() {
                // The rest keeps its marks, and is carried over by the next who comes here.
                writer.rest()?;
                return carried;
            }
        }
        live.writer(&self.shared).rest()?;
        let old = std::mem::replace(&mut *live, new);
        self.noted.store(true, Ordering::Relaxed);
        self.owner.note_changes(old.epoch, false)
    }

    /// Puts what the store lacks into the new buffer, unless that has something newer.
    fn carry(&self, old: &Memory, new: &mut Writer<'_>) -> Result<()> {
        let mut damaged = 0;
        for (bucket, cell) in old.unflushed_slots(Memory::ALL) {
            loop {
                let read = old.read_unflushed(bucket, cell, &mut damaged, |id, frame| (id, frame.bytes_from(0)));
                let Some((slot, (id, entry))) = read else { break };
                let id = SessionId::parse(&id)?;
                if is_sound(id, &entry) {
                    carry(new, id, &entry)?;
                } else {
                    damaged += 1;
                }
                // If somebody who has not noticed yet has changed it, there is more to carry over.
                if cell.compare_exchange(slot.0, slot.flushed().0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                    break;
                }
            }
        }
        if damaged > 0 {
            self.shared.add(crate::shared::Counter::DamagedValues, damaged);
        }
        Ok(())
    }
}

fn carry(new: &mut Writer<'_>, id: SessionId<'_>, entry: &[u8]) -> Result<()> {
    let full = || {
        Error::new(
            ErrorKind::Draining,
            "the session buffer was deleted, and the new one has no room yet for what the store lacks",
        )
    };
    let key = Key::of(new.memory, id);
    let (header, payload) = entry.split_first_chunk::<HEADER>().ok_or_else(full)?;
    let mut written = None;
    while index::find(new.memory, &key, |_| ()).is_none() {
        let units = frame::units(id.as_bytes().len(), entry.len());
        let spot = match written {
            Some(spot) => spot,
            None => new.take(units)?.ok_or_else(full)?,
        };
        if written.replace(spot).is_none() {
            frame::write(new.memory, spot.unit, id.as_bytes(), header, payload);
            new.memory.touch(key.bucket, spot.unit);
        }
        let inserted =
            index::insert(new.memory, &key, Slot::new(&key, spot, true), &mut |slot, units| new.evicted(slot, units));
        match inserted {
            Inserted::Done => {
                new.memory.count(spot.unit, units as i64, true);
                new.memory.note_unflushed(key.bucket);
                return Ok(());
            }
            Inserted::Raced => {}
            Inserted::Full => return Err(full()),
        }
    }
    Ok(())
}
