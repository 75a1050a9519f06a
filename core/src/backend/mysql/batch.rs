//! Many sessions in one transaction, in as few packets as they fit into.

use super::Mysql;
use super::failure::{Cause, Failure};
use super::statements::Piece;
use super::table::Table;
use crate::entry::{self, Entry};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Record, SessionId, now};
use crate::store::{Batch, Change};

/// What a packet has at most, however much the server takes, unless one session alone needs more: bigger ones save
/// nothing any more.
const PACKET: usize = 1 << 20;

impl Batch for Mysql {
    fn apply(&self, changes: &mut dyn Iterator<Item = (SessionId<'_>, &[u8])>) -> Result<()> {
        let mut decoded = Vec::new();
        for (id, entry) in changes {
            match entry::decode(id, entry) {
                Some(Entry::Session(record)) => decoded.push((id, Some(record))),
                Some(Entry::Tombstone) => decoded.push((id, None)),
                None => self.notices.note(Error::new(
                    ErrorKind::Damaged,
                    "a session in the buffer is damaged and was not brought to the store; look for memory errors",
                )),
            }
        }
        if decoded.is_empty() {
            return Ok(());
        }
        let mut tries = 1;
        loop {
            let failure = match self.transact(&decoded) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            // Also where only the answer was lost: everything written twice is the same as once.
            let again = match failure.cause {
                Cause::Busy | Cause::Closed => true,
                Cause::Silent | Cause::Unfit => self.hosts.are_several(),
                Cause::NoTable | Cause::Duplicate | Cause::Other => false,
            };
            if !again || tries == self.tries() {
                return Err(failure.error);
            }
            tries += 1;
        }
    }
}

impl Mysql {
    /// One try. On any failure the connection is dropped, which undoes the transaction.
    fn transact(&self, changes: &[(SessionId<'_>, Option<Record<'_>>)]) -> Result<(), Failure> {
        let (mut connection, _) = self.any_connection()?;
        let run = |connection: &mut super::Connection| {
            let mut table = self.table(connection)?;
            for record in changes.iter().filter_map(|(_, record)| record.as_ref()) {
                table = self.widened(connection, &table, Change::Write(record))?.unwrap_or(table);
            }
            let now = now();
            let pieces: Vec<Piece> =
                changes.iter().map(|(id, record)| table.piece(*id, record.as_ref(), now)).collect();
            for packet in self.packets(&pieces, &table, connection.room, now) {
                connection.run(&packet)?;
            }
            Ok(())
        };
        run(&mut connection).inspect_err(|failure| self.learn(connection.host, failure))?;
        self.hosts.put(connection);
        Ok(())
    }

    /// The transaction, in packets of at most `room` bytes.
    fn packets(&self, pieces: &[Piece], table: &Table, room: usize, now: i64) -> Vec<String> {
        let mut packets = Vec::new();
        let mut packet = "START TRANSACTION".to_owned();
        let statements = self.statements(pieces, table, room, now);
        for statement in statements.iter().map(String::as_str).chain(std::iter::once("COMMIT")) {
            if packet.len() + 1 + statement.len() > room.min(PACKET) {
                packets.push(std::mem::replace(&mut packet, statement.to_owned()));
            } else {
                packet.push(';');
                packet.push_str(statement);
            }
        }
        packets.push(packet);
        packets
    }

    /// Neighbours of one kind share a statement: in order, so that the last word on an id stays the last.
    fn statements(&self, pieces: &[Piece], table: &Table, room: usize, now: i64) -> Vec<String> {
        let mut statements = Vec::new();
        let mut rest = pieces;
        while let Some(first) = rest.first() {
            let (head, separator, tail) = table.around(first.kind, now);
            let alone = head.len() + first.text.len() + tail.len();
            let too_large = (alone > room).then(|| Failure::too_large(&self.target.server, first.bytes, room).error);
            let refused = first.refused.as_ref().map(|failure| failure.error.clone());
            if let Some(error) = refused.or(too_large) {
                // Passed over, because all others would wait for it forever.
                self.notices.note(error);
                rest = &rest[1..];
                continue;
            }
            let mut statement = head + &first.text;
            let fitting = rest[1..].iter().take_while(|piece| {
                let length = statement.len() + separator.len() + piece.text.len() + tail.len();
                let fits = piece.kind == first.kind && piece.refused.is_none() && length <= room.min(PACKET);
                if fits {
                    statement.push_str(separator);
                    statement.push_str(&piece.text);
                }
                fits
            });
            let taken = 1 + fitting.count();
            rest = &rest[taken..];
            statements.push(statement + &tail);
        }
        statements
    }
}
