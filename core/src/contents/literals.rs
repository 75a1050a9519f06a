//! What values are made of: numbers, strings, floats.

use super::cursor::{Cursor, Damaged};

impl<'a> Cursor<'a> {
    /// Reads `N`, and the byte that has to follow it.
    #[inline]
    pub(super) fn number(&mut self, end: u8) -> Result<u64, Damaged> {
        let mut number = 0;
        for (digits, byte) in self.rest().iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 && number <= u64::from(u32::MAX) {
                number = number * 10 + u64::from(digit);
            } else if *byte == end && digits > 0 {
                self.at += digits + 1;
                return Ok(number);
            } else {
                break;
            }
        }
        Err(Damaged)
    }

    /// Reads `N:"bytes"`.
    #[inline]
    pub(super) fn quoted(&mut self) -> Result<&'a [u8], Damaged> {
        let length = usize::try_from(self.number(b':')?).map_err(|_| Damaged)?;
        let rest = self.rest();
        // In this order no sum can overflow.
        if length >= rest.len() || rest[0] != b'"' || rest.get(length + 1) != Some(&b'"') {
            return Err(Damaged);
        }
        self.at += length + 2;
        Ok(&rest[1..=length])
    }

    /// Reads `N:"bytes";`.
    #[inline]
    pub(super) fn string(&mut self) -> Result<&'a [u8], Damaged> {
        let bytes = self.quoted()?;
        self.expect(b";")?;
        Ok(bytes)
    }

    /// Reads `N:"by\74es";`, where N counts the bytes that it stands for.
    pub(super) fn escaped(&mut self) -> Result<Vec<u8>, Damaged> {
        let length = usize::try_from(self.number(b':')?).map_err(|_| Damaged)?;
        self.expect(b"\"")?;
        if length > self.rest().len() {
            return Err(Damaged);
        }
        let mut bytes = Vec::with_capacity(length);
        for _ in 0..length {
            bytes.push(match self.rest() {
                [b'\\', high, low, ..] => {
                    let nibble = |digit: u8| char::from(digit).to_digit(16).ok_or(Damaged);
                    self.at += 3;
                    // Below 256, as both are below 16.
                    (nibble(*high)? * 16 + nibble(*low)?) as u8
                }
                [b'\\', ..] | [] => return Err(Damaged),
                [byte, ..] => {
                    self.at += 1;
                    *byte
                }
            });
        }
        self.expect(b"\";")?;
        Ok(bytes)
    }

    /// Reads the digits and the end of an integer.
    #[inline]
    pub(super) fn integer(&mut self) -> Result<(), Damaged> {
        let rest = self.rest();
        let signed = usize::from(matches!(rest.first(), Some(b'-' | b'+')));
        let digits = rest[signed..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(Damaged);
        }
        self.at += signed + digits;
        self.expect(b";")
    }

    /// Reads the number and the end of a float.
    pub(super) fn float(&mut self) -> Result<(), Damaged> {
        let rest = self.rest();
        for special in [&b"NAN;"[..], b"INF;", b"-INF;"] {
            if rest.starts_with(special) {
                self.at += special.len();
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
        self.at += end;
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
        if !self.rest().starts_with(bytes) {
            return Err(Damaged);
        }
        self.at += bytes.len();
        Ok(())
    }
}
