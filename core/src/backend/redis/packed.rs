//! Commands as they go over the wire, several in one piece.

use std::io::Write;

use redis::Cmd;

/// Commands that are sent together. What they say is copied once: the crate's `Cmd` has a copy of its own of every
/// argument, which for a session of 64 KiB is a notable part of the time that a write takes.
#[derive(Default)]
pub struct Packed {
    bytes: Vec<u8>,
    count: usize,
}

impl Packed {
    /// Without commands, but with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Packed {
        Packed { bytes: Vec::with_capacity(bytes), count: 0 }
    }

    /// Adds a command: its name and its arguments.
    pub fn push<'a>(&mut self, words: impl IntoIterator<Item = &'a [u8], IntoIter: ExactSizeIterator>) {
        let words = words.into_iter();
        self.head(words.len());
        words.for_each(|word| self.word(word));
    }

    /// Begins a command of so many words, each of which [`Packed::word`] adds.
    pub fn head(&mut self, words: usize) {
        self.count += 1;
        self.number(b'*', words);
    }

    /// Adds a word to the command that was begun last.
    pub fn word(&mut self, word: &[u8]) {
        self.number(b'$', word.len());
        self.bytes.extend_from_slice(word);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn number(&mut self, kind: u8, number: usize) {
        self.bytes.push(kind);
        // Writing to memory does not fail.
        let _ = write!(self.bytes, "{number}\r\n");
    }

    /// All of them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many answers there will be.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl From<&[Cmd]> for Packed {
    fn from(commands: &[Cmd]) -> Packed {
        let mut bytes = Vec::new();
        commands.iter().for_each(|command| command.write_packed_command(&mut bytes));
        Packed { bytes, count: commands.len() }
    }
}
