//! A place in a serialised string, moved forward value by value.
//!
//! The grammar (ext/standard/var_unserializer.re), where N is a decimal number and lengths are in bytes:
//!
//! ```text
//! N;  b:0;  i:-5;  d:1.5;            null, bool, integer, float (also NAN, INF, -INF)
//! s:N:"bytes";  S:N:"by\74es";       string; with escapes \xx, each of which counts as one byte
//! a:N:{key value …}                  array of N pairs; a key is i, s or S
//! O:N:"class":N:{key value …}        object; the keys are the names of its properties
//! C:N:"class":N:{bytes}              object that wrote itself, in whatever way
//! E:N:"class:case";                  enum case
//! R:N;  r:N;                         what the N-th value of the payload is: the same variable, the same object
//! ```

use std::borrow::Cow;

use super::scalar::Scalar;

/// How deep arrays and objects may lie in each other: PHP's own default (`unserialize_max_depth` in main/main.c). PHP
/// refuses a session with more.
pub(super) const MAX_DEPTH: usize = 4096;

/// The bytes are not what PHP writes, or are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

/// The beginning of an array or an object that has members.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    /// How many pairs of key and value follow.
    pub(super) count: u32,
    /// Whether the keys are names of properties.
    pub(super) object: bool,
}

/// What the values read so far refer to.
#[derive(Debug, Default)]
pub(super) struct References {
    /// How many values there were, as references count them: from one; neither keys nor `R` count (`var_push`).
    pub(super) values: u64,
    /// Numbers of values to look out for.
    pub(super) watched: Vec<u64>,
    /// A reference to one of those.
    pub(super) to_watched: bool,
    /// There was a reference, or something in a `C` that may be one.
    pub(super) any: bool,
    /// There was a `C`: its inside may count as any number of values.
    pub(super) opaque: bool,
}

/// A place in a payload. Nothing is read twice, so all work is bounded by the payload's length, and nothing is nested
/// by calls.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    /// What of `bytes` lies ahead.
    pub(super) rest: &'a [u8],
    /// How many arrays and objects are open around what is being read, those of `open` not counted.
    pub(super) within: usize,
    /// Pairs that are left in the arrays and objects open in `skip`.
    open: Vec<u32>,
    pub(super) references: References,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, rest: bytes, within: 0, open: Vec::new(), references: References::default() }
    }

    pub(super) fn at(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The letter of the value that begins here.
    pub(super) fn kind(&self) -> Option<u8> {
        match self.rest {
            [b'N', b';', ..] => Some(b'N'),
            [kind @ (b'b' | b'i' | b'd' | b's' | b'S' | b'a' | b'O' | b'C' | b'E' | b'R' | b'r'), b':', ..] => {
                Some(*kind)
            }
            _ => None,
        }
    }

    /// Reads over a value with everything in it.
    pub(super) fn skip(&mut self) -> Result<(), Damaged> {
        match self.value()? {
            Some(opened) => self.skip_members(opened),
            None => Ok(()),
        }
    }

    /// Reads over the members of an array or an object, and its end.
    pub(super) fn skip_members(&mut self, opened: Opened) -> Result<(), Damaged> {
        let mut left = opened.count;
        self.open.clear();
        loop {
            if left == 0 {
                self.expect(b"}")?;
                match self.open.pop() {
                    Some(outer) => left = outer,
                    None => return Ok(()),
                }
                continue;
            }
            left -= 1;
            self.skip_key()?;
            if let Some(inner) = self.value()? {
                if self.within + self.open.len() + 2 > MAX_DEPTH {
                    return Err(Damaged);
                }
                self.open.push(left);
                left = inner.count;
            }
        }
    }

    /// Reads a value if it is a scalar; otherwise reads over it.
    pub(super) fn scalar(&mut self) -> Result<Option<Scalar<'a>>, Damaged> {
        let before = self.rest;
        let kind = self.kind().ok_or(Damaged)?;
        // Of these two the text is not what stands in the payload, or not all of it.
        if matches!(kind, b's' | b'S') {
            self.references.values += 1;
            return Ok(Some(Scalar::Text(self.key()?)));
        }
        self.skip()?;
        // Between the letter and the semicolon; `skip` has looked at each byte of a number, and digits are ASCII.
        let written = before[..before.len() - self.rest.len()].get(2..).and_then(|text| text.split_last());
        let text = written.and_then(|(_, text)| std::str::from_utf8(text).ok());
        Ok(match kind {
            b'i' => Some(Scalar::Int(text.and_then(|text| text.parse().ok()).ok_or(Damaged)?)),
            b'b' => Some(Scalar::Bool(text == Some("1"))),
            b'd' => Some(Scalar::Float(text.ok_or(Damaged)?)),
            _ => None,
        })
    }

    /// Reads a key of an array or an object; an integer as the text it is written in.
    pub(super) fn key(&mut self) -> Result<Cow<'a, [u8]>, Damaged> {
        match self.letter()? {
            b's' => Ok(Cow::Borrowed(self.string()?)),
            b'i' => Ok(Cow::Borrowed(self.integer()?)),
            b'S' => Ok(Cow::Owned(self.escaped()?)),
            _ => Err(Damaged),
        }
    }

    #[inline]
    fn skip_key(&mut self) -> Result<(), Damaged> {
        match self.letter()? {
            b's' => self.string().map(drop),
            b'i' => self.integer().map(drop),
            b'S' => self.escaped().map(drop),
            _ => Err(Damaged),
        }
    }

    /// Reads a value, or the beginning of an array or object that has members.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Option<Opened>, Damaged> {
        let letter = self.letter()?;
        if letter != b'R' {
            self.references.values += 1;
        }
        match letter {
            b's' => drop(self.string()?),
            b'i' => drop(self.integer()?),
            b'a' => return self.opened(false),
            b'N' => {}
            b'b' => match self.rest {
                [b'0' | b'1', b';', rest @ ..] => self.rest = rest,
                _ => return Err(Damaged),
            },
            b'd' => self.float()?,
            b'S' => drop(self.escaped()?),
            b'O' => {
                self.class()?;
                return self.opened(true);
            }
            b'C' => self.opaque()?,
            b'E' => drop(self.string()?),
            b'R' | b'r' => {
                let number = self.number(b';')?;
                self.references.any = true;
                self.references.to_watched |= self.references.watched.contains(&number);
            }
            _ => return Err(Damaged),
        }
        Ok(None)
    }

    /// Reads the letter of a value or key, and what stands behind every letter.
    #[inline]
    fn letter(&mut self) -> Result<u8, Damaged> {
        let [letter, behind, rest @ ..] = self.rest else { return Err(Damaged) };
        if *behind != if *letter == b'N' { b';' } else { b':' } {
            return Err(Damaged);
        }
        self.rest = rest;
        Ok(*letter)
    }

    /// Reads `N:{`, and the end of what has no members.
    #[inline]
    fn opened(&mut self, object: bool) -> Result<Option<Opened>, Damaged> {
        let count = self.number(b':')?;
        self.expect(b"{")?;
        if count == 0 {
            self.expect(b"}")?;
            return Ok(None);
        }
        // PHP's own check (`IS_FAKE_ELEM_COUNT`): a member has more than one byte.
        let count = u32::try_from(count).map_err(|_| Damaged)?;
        if count as usize > self.rest.len() {
            return Err(Damaged);
        }
        Ok(Some(Opened { count, object }))
    }

    /// Reads what follows `C:`.
    fn opaque(&mut self) -> Result<(), Damaged> {
        self.class()?;
        let length = usize::try_from(self.number(b':')?).map_err(|_| Damaged)?;
        self.expect(b"{")?;
        let (inside, rest) = self.rest.split_at_checked(length).ok_or(Damaged)?;
        self.rest = rest;
        self.expect(b"}")?;
        self.references.opaque = true;
        self.references.any |= inside.windows(2).any(|pair| matches!(pair, b"R:" | b"r:"));
        Ok(())
    }
}
