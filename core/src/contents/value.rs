//! The beginning of a value, and keys.
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

use super::literals::{Damaged, Read, class, escaped, expect, float, integer, length, number, string};

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

/// Reads a key of an array or an object; an integer as the text it is written in.
#[inline(always)]
pub(super) fn key(bytes: &[u8]) -> Read<'_, Cow<'_, [u8]>> {
    match letter(bytes)? {
        (b's', rest) => string(rest).map(|(key, rest)| (Cow::Borrowed(key), rest)),
        (b'i', rest) => integer(rest).map(|(key, rest)| (Cow::Borrowed(key), rest)),
        (b'S', rest) => escaped(rest).map(|(key, rest)| (Cow::Owned(key), rest)),
        _ => Err(Damaged),
    }
}

/// Reads a value, or the beginning of an array or object that has members.
#[inline(always)]
pub(super) fn value<'a>(bytes: &'a [u8], references: &mut References) -> Read<'a, Option<Opened>> {
    let (letter, rest) = letter(bytes)?;
    references.values += u64::from(letter != b'R');
    let rest = match letter {
        b's' | b'E' => string(rest)?.1,
        b'i' => integer(rest)?.1,
        b'a' => return opened(rest, false),
        b'N' => rest,
        b'b' => match rest {
            [b'0' | b'1', b';', rest @ ..] => rest,
            _ => return Err(Damaged),
        },
        b'd' => float(rest)?,
        b'S' => escaped(rest)?.1,
        b'O' => return opened(class(rest)?, true),
        b'C' => opaque(rest, references)?,
        b'R' | b'r' => {
            let (number, rest) = number(rest)?;
            references.any = true;
            references.to_watched |= references.watched.contains(&number);
            expect(rest, b";")?
        }
        _ => return Err(Damaged),
    };
    Ok((None, rest))
}

/// Reads the letter of a value or key, and what stands behind every letter.
#[inline(always)]
fn letter(bytes: &[u8]) -> Read<'_, u8> {
    match bytes {
        [b'N', b';', rest @ ..] => Ok((b'N', rest)),
        [letter, b':', rest @ ..] if *letter != b'N' => Ok((*letter, rest)),
        _ => Err(Damaged),
    }
}

/// Reads `N:{`, and the end of what has no members.
#[inline]
fn opened(bytes: &[u8], object: bool) -> Read<'_, Option<Opened>> {
    let (count, rest) = length(bytes, b'{')?;
    if count == 0 {
        return Ok((None, expect(rest, b"}")?));
    }
    // PHP's own check (`IS_FAKE_ELEM_COUNT`): a member has more than one byte.
    let count = u32::try_from(count).ok().filter(|count| *count as usize <= rest.len()).ok_or(Damaged)?;
    Ok((Some(Opened { count, object }), rest))
}

/// Reads what follows `C:`.
fn opaque<'a>(bytes: &'a [u8], references: &mut References) -> Result<&'a [u8], Damaged> {
    let (length, rest) = length(class(bytes)?, b'{')?;
    let (inside, rest) = rest.split_at_checked(length).ok_or(Damaged)?;
    references.opaque = true;
    references.any |= inside.windows(2).any(|pair| matches!(pair, b"R:" | b"r:"));
    expect(rest, b"}")
}
