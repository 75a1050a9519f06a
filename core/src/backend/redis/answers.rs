//! Reads what a server answers: RESP 2, as Redis's documentation has it ("Redis serialization protocol specification").
//!
//! The values are those of the crate `redis`, whose parser reads 8 KiB at a time into a buffer that grows, and then copies
//! a payload out of it. Here a payload is read straight to where it stays.

use std::io::{self, ErrorKind, Read};

use redis::Value;

use super::fault::Fault;

/// Bytes that are read at once, unless they belong to a payload. No line is longer.
const BUFFER: usize = 8 << 10;
/// How much room a payload is given before more of it has come, so that nobody takes our memory by a number alone.
const STEP: usize = 1 << 20;
/// How deep arrays may lie in each other: `CLUSTER SLOTS` has the deepest.
const DEPTH: usize = 8;

/// Reads the answers of one connection.
pub struct Answers {
    buffer: Box<[u8]>,
    /// What of it has not been read yet.
    begin: usize,
    end: usize,
}

impl Answers {
    /// Before the first answer.
    pub fn new() -> Answers {
        Answers { buffer: vec![0; BUFFER].into_boxed_slice(), begin: 0, end: 0 }
    }

    /// Reads the next answer.
    pub fn read(&mut self, from: &mut impl Read) -> Result<Value, Fault> {
        self.value(from, DEPTH)
    }

    fn value(&mut self, from: &mut impl Read, depth: usize) -> Result<Value, Fault> {
        let line = self.line(from)?;
        let (kind, rest) = line.split_first().ok_or_else(strange)?;
        match kind {
            b':' => Ok(Value::Int(number(rest)?)),
            b'+' if rest == b"OK" => Ok(Value::Okay),
            b'+' => Ok(Value::SimpleString(text(rest)?.to_owned())),
            b'-' => Ok(redis::parse_redis_value(&[line, b"\r\n"].concat())?),
            b'$' => match number(rest)? {
                -1 => Ok(Value::Nil),
                length => self.bulk(from, usize::try_from(length).map_err(|_| strange())?),
            },
            b'*' => match number(rest)? {
                -1 => Ok(Value::Nil),
                length if length >= 0 && depth > 0 => {
                    (0..length).map(|_| self.value(from, depth - 1)).collect::<Result<_, _>>().map(Value::Array)
                }
                _ => Err(strange()),
            },
            _ => Err(strange()),
        }
    }

    /// A line without its end.
    fn line(&mut self, from: &mut impl Read) -> Result<&[u8], Fault> {
        let mut seen = 0;
        loop {
            let there = &self.buffer[self.begin..self.end];
            if let Some(length) = there[seen..].windows(2).position(|pair| pair == b"\r\n").map(|at| seen + at) {
                let begin = self.begin;
                self.begin += length + 2;
                return Ok(&self.buffer[begin..begin + length]);
            }
            seen = there.len().saturating_sub(1);
            self.buffer.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
            if self.end == BUFFER {
                return Err(strange());
            }
            self.end += some(from, &mut self.buffer[self.end..])?;
        }
    }

    /// So many bytes, and the end of the line behind them.
    fn bulk(&mut self, from: &mut impl Read, length: usize) -> Result<Value, Fault> {
        let there = length.min(self.end - self.begin);
        let mut bytes = Vec::with_capacity(length.min(STEP));
        bytes.extend_from_slice(&self.buffer[self.begin..self.begin + there]);
        self.begin += there;
        while bytes.len() < length {
            let have = bytes.len();
            bytes.resize(length.min(have + STEP), 0);
            from.read_exact(&mut bytes[have..])?;
        }
        match self.line(from)? {
            b"" => Ok(Value::BulkString(bytes)),
            _ => Err(strange()),
        }
    }
}

/// Reads at least one byte.
fn some(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    match from.read(buffer)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| strange())
}

fn number(bytes: &[u8]) -> Result<i64, Fault> {
    text(bytes)?.parse().map_err(|_| strange())
}

fn strange() -> Fault {
    Fault::Strange("something that is not in the Redis protocol".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out so many bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    #[test]
    fn answers_are_what_the_crate_makes_of_them_however_they_arrive() {
        let payload = [b"$20000\r\n".as_slice(), &[b'\r'; 20000], b"\r\n"].concat();
        let answers: Vec<&[u8]> = vec![
            b"+OK\r\n",
            b"+PONG\r\n",
            b":-7\r\n",
            b"$-1\r\n",
            b"$0\r\n\r\n",
            b"*-1\r\n",
            b"*0\r\n",
            b"$4\r\na\r\nb\r\n",
            b"-MOVED 3999 127.0.0.1:6381\r\n",
            b"-WRONGTYPE Operation\r\n",
            b"*3\r\n:1\r\n*2\r\n$1\r\nx\r\n$-1\r\n+y\r\n",
            &payload,
        ];
        let all = answers.concat();
        for size in [1, 2, 3, 7, 8192, usize::MAX] {
            let mut reader = Answers::new();
            let mut from = Drops(&all, size);
            for answer in &answers {
                assert_eq!(reader.read(&mut from).unwrap(), redis::parse_redis_value(answer).unwrap());
            }
            assert!(matches!(reader.read(&mut from), Err(Fault::Lost(_))));
        }
    }

    #[test]
    fn what_is_no_answer_is_told_from_one_that_is_cut_off() {
        let deep = b"*1\r\n".repeat(DEPTH + 2);
        let long = [b'+'; BUFFER + 1];
        for wrong in [
            b"\r\n".as_slice(),
            b"HTTP/1.1 400 Bad Request\r\n",
            b":x\r\n",
            b"$-2\r\n",
            b"$2\r\nabc\r\n",
            b"*-2\r\n",
            b"%1\r\n",
            &deep,
            &long,
        ] {
            assert!(matches!(Answers::new().read(&mut Drops(wrong, 5)), Err(Fault::Strange(_))), "{wrong:?}");
        }
        for cut in [b"".as_slice(), b"+OK\r", b"$5\r\nabc", b"$536870912\r\nabc", b"*2\r\n:1\r\n"] {
            assert!(matches!(Answers::new().read(&mut Drops(cut, 5)), Err(Fault::Lost(_))), "{cut:?}");
        }
    }
}
