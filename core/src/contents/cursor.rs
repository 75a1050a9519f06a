//! A place in a payload, moved forward value by value.

use std::borrow::Cow;

use super::letters::Letters;
use super::literals::{Damaged, Read, expect};
use super::scalar::Scalar;
use super::value::{Opened, References, key, value};
use super::variable::Variable;

/// A key, and how many members follow the one it is of.
type Key<'a> = (Cow<'a, [u8]>, u32);

/// How deep arrays and objects may lie in each other: PHP's own default (`unserialize_max_depth` in main/main.c). PHP
/// refuses a session with more.
pub(super) const MAX_DEPTH: usize = 4096;

/// A place in a payload. Nothing is read twice, so all work is bounded by the payload's length, and nothing is nested
/// by calls.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    /// What of the payload lies ahead.
    pub(super) rest: &'a [u8],
    /// How many arrays and objects are open around what is being read, those of `open` not counted.
    pub(super) within: usize,
    /// With fewer bytes ahead there is nothing more to learn from what is read over on the way to a key,
    /// and that fails.
    pub(super) least: usize,
    /// Pairs that are left in the arrays and objects open in `next_key`.
    open: Vec<u32>,
    pub(super) references: References,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes, within: 0, least: 0, open: Vec::new(), references: References::default() }
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

    /// Reads these bytes.
    pub(super) fn expect(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        self.rest = expect(self.rest, bytes)?;
        Ok(())
    }

    /// Reads over a value with everything in it.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<(), Damaged> {
        match self.value()? {
            Some(opened) => self.skip_members(opened),
            None => Ok(()),
        }
    }

    /// Reads over the members of an array or an object, and its end.
    fn skip_members(&mut self, opened: Opened) -> Result<(), Damaged> {
        self.within += 1;
        // No key begins with one of no letters.
        self.next_key(opened.count, &Letters::NONE)?;
        self.within -= 1;
        self.expect(b"}")
    }

    /// Reads over members of the innermost array or object, up to the first key that begins with one of these letters.
    /// Tells that key, and how many of the `left` members follow the one it is of.
    pub(super) fn next_key(&mut self, mut left: u32, letters: &Letters) -> Result<Option<Key<'a>>, Damaged> {
        // Not in `self`: through memory each value would wait longer for the one before it.
        let mut rest = self.rest;
        self.open.clear();
        while rest.len() >= self.least {
            if left == 0 {
                let Some(outer) = self.open.pop() else {
                    self.rest = rest;
                    return Ok(None);
                };
                rest = expect(rest, b"}")?;
                left = outer;
                continue;
            }
            left -= 1;
            let (key, behind) = key(rest)?;
            if letters.begin(&key) && self.open.is_empty() {
                self.rest = behind;
                return Ok(Some((key, left)));
            }
            let inner;
            (inner, rest) = value(behind, &mut self.references)?;
            if let Some(inner) = inner {
                if self.within + self.open.len() + 1 > MAX_DEPTH {
                    return Err(Damaged);
                }
                self.open.push(left);
                left = inner.count;
            }
        }
        Err(Damaged)
    }

    /// Reads over variables, up to the name of the first that is undefined or whose name begins with one of these
    /// letters.
    #[inline(always)]
    pub(super) fn next_variable(
        &mut self,
        variable: impl Fn(&'a [u8]) -> Read<'a, Variable<'a>>,
        letters: &Letters,
    ) -> Result<Option<Variable<'a>>, Damaged> {
        let mut rest = self.rest;
        while rest.len() >= self.least {
            if rest.is_empty() {
                self.rest = rest;
                return Ok(None);
            }
            let (found, behind) = variable(rest)?;
            if found.undefined || letters.begin(found.name) {
                self.rest = behind;
                return Ok(Some(found));
            }
            let opened;
            (opened, rest) = value(behind, &mut self.references)?;
            if let Some(opened) = opened {
                self.rest = rest;
                self.skip_members(opened)?;
                rest = self.rest;
            }
        }
        Err(Damaged)
    }

    /// Reads a value if it is a scalar; otherwise reads over it.
    pub(super) fn scalar(&mut self) -> Result<Option<Scalar<'a>>, Damaged> {
        let before = self.rest;
        let kind = self.kind().ok_or(Damaged)?;
        // Of these two the text is not what stands in the payload, or not all of it.
        if matches!(kind, b's' | b'S') {
            let text;
            (text, self.rest) = key(self.rest)?;
            self.references.values += 1;
            return Ok(Some(Scalar::Text(text)));
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

    /// Reads a value, or the beginning of an array or object that has members.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Option<Opened>, Damaged> {
        let opened;
        (opened, self.rest) = value(self.rest, &mut self.references)?;
        Ok(opened)
    }
}
