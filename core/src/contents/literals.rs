//! What values are made of: numbers, strings, floats.

use super::cursor::{Cursor, Damaged};

impl<'a> Cursor<'a> {
    /// Reads `N`, and the byte that has to follow it.
    #[inline]
    pub(super) fn number(&mut self, end: u8) -> Result<u64, Damaged> {
        let rest = self.rest;
        let (mut number, mut digits) = (0, 0);
        while let Some(byte) = rest.get(digits) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                if *byte != end || digits == 0 {
                    break;
                }
                self.rest = &rest[digits + 1..];
                return Ok(number);
            }
            // Nothing PHP writes has a larger one, and it keeps the sum in its type.
            if number > u64::from(u32::MAX) {
                break;
            }
            number = number * 10 + u64::from(digit);
            digits += 1;
        }
        Err(Damaged)
    }

    /// Looks at `N:"bytes`, and tells the bytes and what lies behind them.
    #[inline]
    fn counted(&mut self) -> Result<(&'a [u8], &'a [u8]), Damaged> {
        let length = usize::try_from(self.number(b':')?).map_err(|_| Damaged)?;
        let Some((b'"', rest)) = self.rest.split_first() else { return Err(Damaged) };
        rest.split_at_checked(length).ok_or(Damaged)
    }

    /// Reads `N:"bytes"`.
    pub(super) fn quoted(&mut self) -> Result<&'a [u8], Damaged> {
        let (bytes, rest) = self.counted()?;
        self.rest = rest;
        self.expect(b"\"")?;
        Ok(bytes)
    }

    /// Reads `N:"bytes";`.
    #[inline]
    pub(super) fn string(&mut self) -> Result<&'a [u8], Damaged> {
        let (bytes, rest) = self.counted()?;
        let [b'"', b';', rest @ ..] = rest else { return Err(Damaged) };
        self.rest = rest;
        Ok(bytes)
    }

    /// Reads `N:"by\74es";`, where N counts the bytes that it stands for.
    pub(super) fn escaped(&mut self) -> Result<Vec<u8>, Damaged> {
        let length = usize::try_from(self.number(b':')?).map_err(|_| Damaged)?;
        self.expect(b"\"")?;
        if length > self.rest.len() {
            return Err(Damaged);
        }
        let mut bytes = Vec::with_capacity(length);
        for _ in 0..length {
            bytes.push(match self.rest {
                [b'\\', high, low, rest @ ..] => {
                    let nibble = |digit: u8| char::from(digit).to_digit(16).ok_or(Damaged);
                    self.rest = rest;
                    // Below 256, as both are below 16.
                    (nibble(*high)? * 16 + nibble(*low)?) as u8
                }
                [b'\\', ..] | [] => return Err(Damaged),
                [byte, rest @ ..] => {
                    self.rest = rest;
                    *byte
                }
            });
        }
        self.expect(b"\";")?;
        Ok(bytes)
    }

    /// Reads an integer and its end, and tells how it is written.
    #[inline]
    pub(super) fn integer(&mut self) -> Result<&'a [u8], Damaged> {
        let rest = self.rest;
        let signed = usize::from(matches!(rest.first(), Some(b'-' | b'+')));
        let mut end = signed;
        while rest.get(end).is_some_and(u8::is_ascii_digit) {
            end += 1;
        }
        if end == signed || rest.get(end) != Some(&b';') {
            return Err(Damaged);
        }
        self.rest = &rest[end + 1..];
        Ok(&rest[..end])
    }

    /// Reads the number and the end of a float.
    pub(super) fn float(&mut self) -> Result<(), Damaged> {
        let rest = self.rest;
        for special in [&b"NAN;"[..], b"INF;", b"-INF;"] {
            if rest.starts_with(special) {
                self.rest = &rest[special.len()..];
                return Ok(());
            }
        }
        let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let signed = |from: usize| usize::from(matches!(rest.get(from), Some(b'-' | b'+')));
        let mut end = signed(0);
        let whole = digits(end);
        end += whole;
        let mut fraction = 0;
        if rest.get(end) == Some(&b'.') {
            fraction = digits(end + 1);
            end += 1 + fraction;
        }
        if whole + fraction == 0 {
            return Err(Damaged);
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            end += 1 + signed(end + 1);
            let exponent = digits(end);
            if exponent == 0 {
                return Err(Damaged);
            }
            end += exponent;
        }
        self.rest = &rest[end..];
        self.expect(b";")
    }

    /// Reads `N:"class":`.
    pub(super) fn class(&mut self) -> Result<(), Damaged> {
        if self.quoted()?.is_empty() {
            return Err(Damaged);
        }
        self.expect(b":")
    }

    /// Reads these bytes.
    #[inline]
    pub(super) fn expect(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        self.rest = self.rest.strip_prefix(bytes).ok_or(Damaged)?;
        Ok(())
    }
}
