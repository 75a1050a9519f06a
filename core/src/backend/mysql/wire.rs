//! Statements and their answers on a connection that the crate `mysql` has logged in to.
//!
//! The crate waits for the answer to whatever it sends. Giving a lock back is nothing to wait for, though: whoever comes
//! next finds it free, or waits a moment, and on the connection itself the server does one thing after the other. So here
//! answers may be left for later ([`Wire::send`] without [`Wire::answer`]); they are read, and looked at, before the
//! first that belongs to what is sent next.
//!
//! The protocol is the text part of it (MySQL "Client/Server Protocol", `COM_QUERY`; MariaDB "Client/Server Protocol"):
//! packets of up to 16 MiB behind a header of four bytes. The numbers of packets are checked, so that an answer is never
//! taken for another one's.

use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::Duration;

use mysql::MySqlError;
use socket2::Socket;

use super::connection::Answer;
use super::packet::{Fields, is_end, refusal, strange};
use crate::backend::busy_poll::BusyPoll;

/// The command that statements go with.
const COM_QUERY: u8 = 3;
/// A packet as long as this is continued in the next one.
const LONGEST: usize = 0xff_ffff;
/// The flag of an answer that another one follows (`SERVER_MORE_RESULTS_EXISTS`).
const MORE: u16 = 8;
/// What a buffer keeps for the next answer.
const KEPT: usize = 256 << 10;
/// What is read at once at least, if it is there.
const READ: usize = 16 << 10;
/// The most that is received for one packet of statements: somewhat more than one field may have, which is the 1 GiB that
/// `max_allowed_packet` ends at on every server.
const MOST: usize = (1 << 30) + (1 << 20);

/// A connection without encryption.
pub(super) struct Wire {
    socket: Socket,
    buffer: Vec<u8>,
    /// What of the buffer has been received and not yet been used.
    from: usize,
    to: usize,
    /// How many packets of statements have answers that were not read to their end.
    owed: usize,
    /// The number that the next packet has to have.
    number: u8,
    /// How much has been received of the answers that are being read.
    received: usize,
    /// What was sent last.
    asked: Asked,
    /// What is known about waiting for the answers to each kind.
    looks: [BusyPoll; 2],
}

/// What statements do. Changes that the server brings to its disk take so much longer that nobody should conclude from
/// them how long reading takes.
#[derive(Clone, Copy)]
enum Asked {
    Read,
    Change,
}

impl Wire {
    /// On a socket on which nothing is under way. `busy_poll`: for how long it looks for an answer.
    pub(super) fn new(socket: OwnedFd, busy_poll: Duration) -> Wire {
        Wire {
            socket: socket.into(),
            buffer: Vec::new(),
            from: 0,
            to: 0,
            owed: 0,
            number: 1,
            received: 0,
            asked: Asked::Read,
            looks: [BusyPoll::new(busy_poll), BusyPoll::new(busy_poll)],
        }
    }

    /// Sends statements.
    pub(super) fn send(&mut self, sql: &str) -> io::Result<()> {
        // Whatever reads begins with SET, for its lock, or with SELECT.
        self.asked = if sql.starts_with("SE") { Asked::Read } else { Asked::Change };
        let mut rest = sql.as_bytes();
        let mut number = 0;
        loop {
            let room = if number == 0 { LONGEST - 1 } else { LONGEST };
            let (part, behind) = rest.split_at(rest.len().min(room));
            let length = (part.len() + usize::from(number == 0)).to_le_bytes();
            let head = [length[0], length[1], length[2], number, COM_QUERY];
            self.write(if number == 0 { &head } else { &head[..4] }, part)?;
            if part.len() < room {
                self.owed += 1;
                return Ok(());
            }
            rest = behind;
            number = number.wrapping_add(1);
        }
    }

    /// Whether the connection looks as it should while nothing is asked: open, and nothing has arrived.
    pub(super) fn is_quiet(&self) -> bool {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let peeked = self.socket.recv_with_flags(&mut [MaybeUninit::uninit()], flags);
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Whether answers are left to be read.
    pub(super) fn owes(&self) -> bool {
        self.owed > 0
    }

    /// Reads what was left for later, so that the next answer is that to what was sent last. An error there is one of the
    /// connection, whatever it is: nobody asks any more what those statements did, but they must not fail, and it says
    /// nothing about those that were sent last.
    pub(super) fn settle(&mut self) -> mysql::Result<()> {
        while self.owed > 1 {
            self.answer().map_err(|error| match error {
                mysql::Error::MySqlError(refusal) => io::Error::new(ErrorKind::ConnectionAborted, refusal).into(),
                error => error,
            })?;
        }
        Ok(())
    }

    /// Reads the next answer, and whether another one belongs to the same packet of statements.
    pub(super) fn answer(&mut self) -> mysql::Result<(Answer, bool)> {
        // Who stands between has answered fewer statements than there were.
        if self.owed == 0 {
            return Err(strange().into());
        }
        let mut answer = Answer { affected: 0, rows: Vec::new() };
        let first = self.packet()?;
        let first = &self.buffer[first];
        let status = match first.first() {
            Some(0) => {
                let mut fields = Fields(&first[1..]);
                answer.affected = fields.number()?;
                fields.number()?;
                fields.status()?
            }
            Some(0xff) => return Err(self.refused(refusal(&first[1..]))),
            // The server asks for a file, which nobody told it to.
            Some(0xfb) | None => return Err(strange().into()),
            Some(_) => {
                let mut fields = Fields(first);
                let columns = fields.number()? as usize;
                // MariaDB says whether it sends what the columns are (MARIADB_CLIENT_CACHE_METADATA).
                if fields.0.first() != Some(&0) {
                    for _ in 0..columns {
                        self.packet()?;
                    }
                }
                let end = self.packet()?;
                if !is_end(&self.buffer[end]) {
                    return Err(strange().into());
                }
                self.rows(columns, &mut answer)?
            }
        };
        let more = status & MORE != 0;
        if !more {
            self.end();
        }
        Ok((answer, more))
    }

    /// Reads the rows of an answer, and its flags behind them.
    fn rows(&mut self, columns: usize, answer: &mut Answer) -> mysql::Result<u16> {
        loop {
            let row = self.packet()?;
            let row = &self.buffer[row];
            if is_end(row) {
                return Ok(Fields(&row[3..]).status()?);
            }
            if row.first() == Some(&0xff) {
                return Err(self.refused(refusal(&row[1..])));
            }
            let mut fields = Fields(row);
            let read: io::Result<Vec<_>> = (0..columns).map(|_| fields.text()).collect();
            answer.rows.push(read?);
        }
    }

    /// All answers of a packet of statements have been read.
    fn end(&mut self) {
        self.owed -= 1;
        (self.number, self.received) = (1, 0);
        if self.from == self.to && self.buffer.len() > KEPT {
            self.buffer = Vec::new();
            (self.from, self.to) = (0, 0);
        }
    }

    /// The server leaves out the statements behind the one that failed.
    fn refused(&mut self, refusal: MySqlError) -> mysql::Error {
        self.end();
        mysql::Error::MySqlError(refusal)
    }

    /// Where the next packet is in the buffer, until the one after it is asked for.
    fn packet(&mut self) -> io::Result<Range<usize>> {
        let mut length = 0;
        loop {
            // Of a packet in parts, those behind the first move up to the one before them.
            self.fill(length + 4)?;
            let head = self.from + length;
            let head = &self.buffer[head..head + 4];
            let (part, number) = (u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize, head[3]);
            self.received += 4 + part;
            if self.received > MOST {
                return Err(io::Error::new(ErrorKind::ConnectionAborted, "its answer does not end"));
            }
            self.fill(length + 4 + part)?;
            let head = self.from + length;
            // Why a server ends an idle connection it says without being asked.
            if number != self.number && self.buffer.get(head + 4) != Some(&0xff) {
                return Err(strange());
            }
            self.number = number.wrapping_add(1);
            if length == 0 {
                self.from += 4;
            } else {
                self.buffer.copy_within(head + 4..self.to, head);
                self.to -= 4;
            }
            length += part;
            if part < LONGEST {
                let packet = self.from..self.from + length;
                self.from += length;
                return Ok(packet);
            }
        }
    }

    /// Receives until `length` bytes are there to be used.
    fn fill(&mut self, length: usize) -> io::Result<()> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
        if self.from + length > self.buffer.len() {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            let length = self.buffer.len().max(length).max(READ);
            self.buffer.resize(length, 0);
        }
        while self.to - self.from < length {
            match self.looks[self.asked as usize].receive(&self.socket, &mut self.buffer[self.to..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.to += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write(&self, mut head: &[u8], mut body: &[u8]) -> io::Result<()> {
        while !head.is_empty() || !body.is_empty() {
            // Whatever PHP does about SIGPIPE, a connection that breaks ends nobody.
            match self.socket.send_vectored_with_flags(&[IoSlice::new(head), IoSlice::new(body)], libc::MSG_NOSIGNAL) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => {
                    let of_head = sent.min(head.len());
                    (head, body) = (&head[of_head..], &body[sent - of_head..]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// A connection, and the server's end of it.
    fn wire() -> (Wire, UnixStream) {
        looking(Duration::ZERO)
    }

    fn looking(busy_poll: Duration) -> (Wire, UnixStream) {
        let (ours, server) = UnixStream::pair().unwrap();
        (Wire::new(ours.into(), busy_poll), server)
    }

    fn packet(number: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32).to_le_bytes();
        [&[length[0], length[1], length[2], number], body].concat()
    }

    /// An answer that has changed so many rows. `more`: another one follows.
    fn ok(number: u8, affected: u8, more: bool) -> Vec<u8> {
        packet(number, &[0, affected, 0, if more { 10 } else { 2 }, 0, 0, 0])
    }

    #[test]
    fn slow_changes_are_no_reason_to_expect_slow_reading() {
        let (mut wire, mut server) = looking(Duration::from_micros(1));
        for _ in 0..100 {
            wire.send("UPDATE").unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(5));
                    server.write_all(&ok(1, 1, false)).unwrap();
                });
                assert_eq!(wire.answer().unwrap().0.affected, 1);
            });
            if wire.looks[Asked::Change as usize].rests() {
                break;
            }
        }
        assert!(wire.looks[Asked::Change as usize].rests());
        assert!(!wire.looks[Asked::Read as usize].rests());
        wire.send("SELECT").unwrap();
        server.write_all(&ok(1, 0, false)).unwrap();
        wire.answer().unwrap();
        assert!(!wire.looks[Asked::Read as usize].rests());
    }

    #[test]
    fn answers_left_for_later_are_not_those_to_what_is_sent_next() {
        let (mut wire, mut server) = wire();
        wire.send("UPDATE;DO").unwrap();
        server.write_all(&ok(1, 7, true)).unwrap();
        assert_eq!(wire.answer().unwrap().0.affected, 7);
        assert!(wire.owes());
        wire.send("UPDATE").unwrap();
        server.write_all(&[ok(2, 0, false), ok(1, 9, false)].concat()).unwrap();
        wire.settle().unwrap();
        assert_eq!(wire.answer().unwrap().0.affected, 9);
        assert!(!wire.owes() && wire.is_quiet());
    }

    #[test]
    fn an_answer_to_something_else_is_refused() {
        let (mut wire, mut server) = wire();
        wire.send("UPDATE").unwrap();
        server.write_all(&ok(2, 1, false)).unwrap();
        assert!(wire.answer().is_err());
    }

    #[test]
    fn what_ends_in_the_middle_of_a_packet_or_has_fields_beyond_its_end_is_an_error() {
        for answer in
            [&packet(1, &[0, 0xfc, 1]), &packet(1, &[]), &packet(1, &[0xfb, b'x']), &ok(1, 1, false)[..6].to_vec()]
        {
            let (mut wire, mut server) = wire();
            wire.send("UPDATE").unwrap();
            server.write_all(answer).unwrap();
            drop(server);
            assert!(wire.answer().is_err(), "{answer:?}");
        }
    }

    #[test]
    fn rows_may_have_anything_in_them() {
        let (mut wire, mut server) = wire();
        wire.send("SELECT").unwrap();
        let mut row = vec![0xfb, 0xfd, 0, 0, 1];
        row.extend_from_slice(&[0xfe; 1 << 16]);
        let end = [0xfe, 0, 0, 2, 0];
        let sent = [
            packet(1, &[2, 1]),
            packet(2, b"def"),
            packet(3, b"def"),
            packet(4, &end),
            packet(5, &row),
            packet(6, &end),
        ];
        let writer = std::thread::spawn(move || server.write_all(&sent.concat()).unwrap());
        let (answer, more) = wire.answer().unwrap();
        writer.join().unwrap();
        assert_eq!(answer.rows, [[None, Some(vec![0xfe; 1 << 16])]]);
        assert!(!more && !wire.owes());
    }

    #[test]
    fn what_comes_to_an_answer_left_for_later_says_nothing_about_what_is_sent_next() {
        let (mut wire, mut server) = wire();
        wire.send("DO").unwrap();
        wire.send("UPDATE").unwrap();
        server.write_all(&packet(1, b"\xff\xbd\x04#40001Deadlock")).unwrap();
        match wire.settle().unwrap_err() {
            // Else the update would be sent again, although the server is about to carry it out.
            mysql::Error::IoError(error) => assert_eq!(error.kind(), ErrorKind::ConnectionAborted),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn fewer_answers_than_statements_are_an_error_and_nothing_is_waited_for() {
        let (mut wire, mut server) = wire();
        wire.send("SET;SELECT").unwrap();
        server.write_all(&ok(1, 0, false)).unwrap();
        assert!(!wire.answer().unwrap().1);
        assert!(wire.answer().is_err());
        assert!(!wire.owes());
    }

    #[test]
    fn an_answer_without_an_end_is_given_up_before_it_fills_the_memory() {
        let (mut wire, mut server) = wire();
        wire.send("SELECT").unwrap();
        // As if most of it had been received already.
        wire.received = MOST - (1 << 18);
        let writer = std::thread::spawn(move || {
            let head = [packet(1, &[1]), packet(2, b"def"), packet(3, &[0xfe, 0, 0, 2, 0])].concat();
            server.write_all(&head).unwrap();
            let row = [&[0xfd, 0, 0x40, 0][..], &[b'x'; 1 << 14]].concat();
            let mut number = 3_u8;
            loop {
                number = number.wrapping_add(1);
                if server.write_all(&packet(number, &row)).is_err() {
                    return;
                }
            }
        });
        assert!(wire.answer().unwrap_err().to_string().contains("does not end"));
        drop(wire);
        writer.join().unwrap();
    }

    #[test]
    fn a_refusal_ends_the_statements_it_came_to() {
        let (mut wire, mut server) = wire();
        wire.send("UPDATE;DO").unwrap();
        server.write_all(&packet(1, b"\xff\xbd\x04#40001Deadlock")).unwrap();
        match wire.answer().unwrap_err() {
            mysql::Error::MySqlError(error) => {
                assert_eq!((error.code, error.state.as_str(), error.message.as_str()), (1213, "40001", "Deadlock"));
            }
            other => panic!("{other}"),
        }
        assert!(!wire.owes());
    }
}
