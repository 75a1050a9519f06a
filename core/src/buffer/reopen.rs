//! What a process does when the buffer's file was deleted under it (logind's RemoveIPC, or somebody who tidied up): it
//! goes on with a new one, and carries over what the store lacks.
//!
//! Whoever makes the new file puts all of that into it before it gets its name, so nobody ever opens one that lacks
//! something; who comes later finds it there and carries over nothing more, as what is in the new file may be newer by
//! then. Others may still write to the old file meanwhile. Each looks, after its change, whether the file was retired;
//! if so, it comes here too, and makes its change once more in the new one. What was changed before the file was
//! retired is found by who makes the new one, which is a process that had the old one open, as those with changes hold
//! off all others; and a process with an even older one carries over nothing of it that the store may have newer
//! (buffer::epoch).
//!
//! The old file stays as it is: if there is room for a new one nowhere, requests fail, and succeed when there is.

use std::cell::Cell;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use super::epoch::Epochs;
use super::index::{self, Inserted, Key, Slot};
use super::memory::{Memory, Shape};
use super::place::{Live, New};
use super::writer::Writer;
use super::{Buffer, LONGEST_DRAIN, frame, is_sound};
use crate::entry::HEADER;
use crate::error::{Error, ErrorKind, Result};
use crate::record::SessionId;
use crate::shared::Counter;

/// How long whoever deletes the files may take for it.
const PATIENCE: Duration = Duration::from_millis(500);

impl Buffer {
    /// Opens the buffer anew after its file was deleted, and carries over what the store lacks.
    #[cold]
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
                Ok(true) => {
                    // What it has carried over waits for the flusher, and others wait for its note to go.
                    if let Some(wake) = self.waker.get() {
                        wake();
                    }
                    return Ok(());
                }
                Ok(false) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns whether it is noted now that this process has changes.
    fn try_reopen(&self) -> Result<bool> {
        let _opening = self.owner.open_lock()?;
        // No thread of this process writes or reads meanwhile.
        let mut live = self.live.write();
        if !live.is_unlinked() && !self.shared.is_retired(live.epoch) {
            return Ok(false);
        }
        let epochs = Epochs { owner: &self.owner, shared: &self.shared, mine: Some(live.epoch) };
        let (size, salt) = (live.memory.layout().size, live.memory.salt());
        // Those that were its own, somebody else may have carried over.
        let changes = Cell::new(self.noted.load(Ordering::Relaxed));
        let fill = |new: &Live| {
            if epochs.may_carry_over() && self.carry(&live.memory, new)? {
                changes.set(true);
            }
            Ok(())
        };
        let open = |times| {
            let shape = Shape::Like { size: size * times, salt };
            self.place.open_or_make(false, epochs, &New { shape, fill: &fill })
        };
        // The large ones among the entries may have fitted in better there.
        let new = match open(1) {
            Err(error) if error.kind() == ErrorKind::Full => open(2)?,
            opened => opened?,
        };
        let changes = changes.get();
        if changes {
            self.owner.note_changes(new.epoch, true)?;
        }
        self.noted.store(changes, Ordering::Relaxed);
        let old = std::mem::replace(&mut *live, new);
        self.owner.note_changes(old.epoch, false)?;
        Ok(changes)
    }

    /// Puts what the store lacks into a new buffer, which nobody else has yet. Returns whether that was anything.
    fn carry(&self, old: &Memory, new: &Live) -> Result<bool> {
        let mut writer = new.writer(&self.shared);
        writer.unflushed_percent = 100;
        // Whoever has changed something and did not see the file retired has done so before this look at the slots.
        fence(Ordering::SeqCst);
        let (mut damaged, mut carried) = (0, false);
        for (bucket, cell) in old.unflushed_slots(Memory::ALL) {
            let read = old.read_unflushed(bucket, cell, &mut damaged, |id, frame| (id, frame.bytes_from(0)));
            let Some((_, (id, entry))) = read else { continue };
            let id = SessionId::parse(&id)?;
            if is_sound(id, &entry) {
                carry(&mut writer, id, &entry)?;
                carried = true;
            } else {
                damaged += 1;
            }
        }
        if damaged > 0 {
            self.shared.add(Counter::DamagedValues, damaged);
        }
        Ok(carried)
    }
}

fn carry(new: &mut Writer<'_>, id: SessionId<'_>, entry: &[u8]) -> Result<()> {
    let full = || {
        Error::new(
            ErrorKind::Full,
            "the session buffer was deleted, and there is no room for a new one with what the store lacks; make room in \
             /dev/shm, or in the session directory",
        )
    };
    let key = Key::of(new.memory, id);
    let (header, rest) = entry.split_first_chunk::<HEADER>().ok_or_else(full)?;
    // Moved from one slot to another while it was looked for, it may be met twice.
    if index::find(new.memory, &key, |_| ()).is_some() {
        return Ok(());
    }
    let units = frame::units(id.as_bytes().len(), entry.len());
    let spot = new.take(units)?.ok_or_else(full)?;
    frame::write(new.memory, spot.unit, id.as_bytes(), header, rest, &[]);
    new.memory.touch(key.bucket, spot.unit);
    match index::insert(new.memory, &key, Slot::new(&key, spot, true), &mut |_, _| ()) {
        Inserted::Done => {
            new.memory.count(spot.unit, units as i64, true);
            new.memory.note_unflushed(key.bucket);
            Ok(())
        }
        Inserted::Raced | Inserted::Full => Err(full()),
    }
}
