//! What the packets of an answer have in them (MySQL "Client/Server Protocol", text part).

use std::io::{self, ErrorKind};

use mysql::MySqlError;

/// The end of columns or of rows. A row that begins with the same byte is one of more than 16 MiB.
pub(super) fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() == 5
}

/// What an error packet says behind its first byte.
pub(super) fn refusal(packet: &[u8]) -> MySqlError {
    let (code, text) = packet.split_at(packet.len().min(2));
    let (state, message) = match text.split_at_checked(6) {
        Some((state, message)) if state[0] == b'#' => (&state[1..], message),
        _ => (b"HY000".as_slice(), text),
    };
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let code = code.iter().rev().fold(0, |code, byte| code << 8 | u16::from(*byte));
    MySqlError { state: text(state), message: text(message), code }
}

/// What makes no sense, where it stands.
pub(super) fn strange() -> io::Error {
    io::Error::new(ErrorKind::ConnectionAborted, "its answers are out of order")
}

/// What a packet has in it, one thing after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, length: usize) -> io::Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(strange)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A number in as many bytes as it needs ("length-encoded integer").
    pub(super) fn number(&mut self) -> io::Result<u64> {
        let length = match self.bytes(1)?[0] {
            small @ 0..=0xfa => return Ok(u64::from(small)),
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            _ => return Err(strange()),
        };
        let mut number = [0; 8];
        number[..length].copy_from_slice(self.bytes(length)?);
        Ok(u64::from_le_bytes(number))
    }

    /// The flags of an answer.
    pub(super) fn status(&mut self) -> io::Result<u16> {
        self.bytes(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    /// A field of a row; `None` is NULL.
    pub(super) fn text(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.0.first() == Some(&0xfb) {
            self.0 = &self.0[1..];
            return Ok(None);
        }
        let length = usize::try_from(self.number()?).map_err(|_| strange())?;
        self.bytes(length).map(|bytes| Some(bytes.to_vec()))
    }
}
