//! The name of a variable, which stands before its value in `php` and `php_binary`.

use super::literals::{Damaged, Read};

/// The largest name in `php_binary`, and the flag beside it (`PS_BIN_MAX`, `PS_BIN_UNDEF` in ext/session/session.c).
const BINARY_MAX: u8 = 0x7f;
const BINARY_UNDEFINED: u8 = 0x80;

/// What is before a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variable<'a> {
    /// Its name.
    pub(super) name: &'a [u8],
    /// Whether it is marked as having no value.
    pub(super) undefined: bool,
}

/// Reads `name|`, as in `php`.
#[inline(always)]
pub(super) fn delimited(bytes: &[u8]) -> Read<'_, Variable<'_>> {
    // Most names are short. Of so few bytes the compiler makes no loop.
    let near = bytes.first_chunk::<16>().and_then(|head| head.iter().position(|byte| *byte == b'|'));
    let end = near.or_else(|| bytes.iter().position(|byte| *byte == b'|')).ok_or(Damaged)?;
    let name = &bytes[..end];
    Ok((Variable { name, undefined: name.first() == Some(&b'!') }, &bytes[end + 1..]))
}

/// Reads the length of a name and the name, as in `php_binary`.
#[inline(always)]
pub(super) fn counted(bytes: &[u8]) -> Read<'_, Variable<'_>> {
    let (length, rest) = bytes.split_first().ok_or(Damaged)?;
    let (name, rest) = rest.split_at_checked(usize::from(length & BINARY_MAX)).ok_or(Damaged)?;
    Ok((Variable { name, undefined: length & BINARY_UNDEFINED != 0 }, rest))
}
