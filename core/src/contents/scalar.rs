//! A single value out of a session.

use std::borrow::Cow;

/// What a path leads to, if that is neither an array, an object nor null.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// An integer.
    Int(i64),
    /// `true` or `false`.
    Bool(bool),
    /// A float, as PHP wrote it: `1.5`, `1.0E+25`, `INF`.
    Float(&'a str),
    /// A string: any bytes.
    Text(Cow<'a, [u8]>),
}

impl<'a> Scalar<'a> {
    /// The value as text; `1` and `0` for true and false.
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        match self {
            Scalar::Int(number) => Cow::Owned(number.to_string().into_bytes()),
            Scalar::Bool(truth) => Cow::Borrowed(if truth { b"1" } else { b"0" }),
            Scalar::Float(written) => Cow::Borrowed(written.as_bytes()),
            Scalar::Text(bytes) => bytes,
        }
    }

    /// The value as an integer, if it is one or is a string that PHP would take for one as a key: decimal, without a
    /// leading zero or plus (`ZEND_HANDLE_NUMERIC_STR` in Zend/zend_hash.h).
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Scalar::Int(number) => Some(*number),
            Scalar::Text(bytes) => {
                let number: i64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
                (number.to_string().as_bytes() == bytes.as_ref()).then_some(number)
            }
            Scalar::Bool(_) | Scalar::Float(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Scalar<'_> {
        Scalar::Text(Cow::Borrowed(bytes))
    }

    #[test]
    fn every_kind_has_a_text() {
        assert_eq!(&*Scalar::Int(-7).into_bytes(), b"-7");
        assert_eq!(&*Scalar::Bool(true).into_bytes(), b"1");
        assert_eq!(&*Scalar::Bool(false).into_bytes(), b"0");
        assert_eq!(&*Scalar::Float("1.0E+25").into_bytes(), b"1.0E+25");
        assert_eq!(&*text(b"\xff").into_bytes(), b"\xff");
    }

    #[test]
    fn a_string_is_an_integer_only_if_it_is_written_like_one() {
        for (bytes, number) in [(&b"0"[..], 0), (b"41", 41), (b"-3", -3), (b"9223372036854775807", i64::MAX)] {
            assert_eq!(text(bytes).as_int(), Some(number));
        }
        for bytes in [&b""[..], b"+1", b"01", b"-0", b"1 ", b"1.0", b"9223372036854775808", b"x", b"\xff"] {
            assert_eq!(text(bytes).as_int(), None, "{bytes:?}");
        }
        assert_eq!(Scalar::Int(5).as_int(), Some(5));
        assert_eq!(Scalar::Bool(true).as_int(), None);
        assert_eq!(Scalar::Float("5").as_int(), None);
    }
}
