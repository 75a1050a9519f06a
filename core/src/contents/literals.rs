//! What values are made of: numbers, strings, floats. Each function reads at the beginning of some bytes, and tells what
//! lies behind.
//!
//! Where the next value begins follows from the length of this one, so the time goes into waiting for one number after
//! the other. The processor does not wait where it can guess: how many digits a number has is therefore asked in
//! branches, and its digits are only then put together.

/// The bytes are not what PHP writes, or are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

/// What was read, and what lies behind it.
pub(super) type Read<'a, T> = Result<(T, &'a [u8]), Damaged>;

/// Reads `N`.
pub(super) fn number(bytes: &[u8]) -> Read<'_, u64> {
    let mut number = 0;
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    for digit in &bytes[..digits] {
        // Nothing PHP writes has a larger one, and it keeps the sum in its type.
        if number > u64::from(u32::MAX) {
            return Err(Damaged);
        }
        number = number * 10 + u64::from(digit - b'0');
    }
    if digits == 0 { Err(Damaged) } else { Ok((number, &bytes[digits..])) }
}

/// Reads `N:` and one more byte.
#[inline(always)]
pub(super) fn length(bytes: &[u8], end: u8) -> Read<'_, usize> {
    // Most are short. The shortest there is, with what follows it: `0:{}`.
    if let [a, b, c, d, ..] = bytes {
        // Taken off all digits at once, which is a step less to wait for.
        const ZERO: usize = b'0' as usize;
        let digit = u8::is_ascii_digit;
        let [one, two, three] = [a, b, c].map(|byte| usize::from(*byte));
        if digit(a) && *b == b':' && *c == end {
            return Ok((one - ZERO, &bytes[3..]));
        }
        if digit(a) && digit(b) && *c == b':' && *d == end {
            return Ok((one * 10 + two - 11 * ZERO, &bytes[4..]));
        }
        if digit(a) && digit(b) && digit(c) && *d == b':' && bytes.get(4) == Some(&end) {
            return Ok((one * 100 + two * 10 + three - 111 * ZERO, &bytes[5..]));
        }
    }
    long_length(bytes, end)
}

#[inline(never)]
fn long_length(bytes: &[u8], end: u8) -> Read<'_, usize> {
    let (length, rest) = number(bytes)?;
    let rest = expect(rest, &[b':', end])?;
    Ok((usize::try_from(length).map_err(|_| Damaged)?, rest))
}

/// Reads `N:"bytes"`.
pub(super) fn quoted(bytes: &[u8]) -> Read<'_, &[u8]> {
    let (length, rest) = length(bytes, b'"')?;
    let (text, rest) = rest.split_at_checked(length).ok_or(Damaged)?;
    Ok((text, expect(rest, b"\"")?))
}

/// Reads `N:"bytes";`.
#[inline(always)]
pub(super) fn string(bytes: &[u8]) -> Read<'_, &[u8]> {
    let (length, rest) = length(bytes, b'"')?;
    let (text, rest) = rest.split_at_checked(length).ok_or(Damaged)?;
    Ok((text, expect(rest, b"\";")?))
}

/// Reads `N:"by\74es";`, where N counts the bytes that it stands for.
pub(super) fn escaped(bytes: &[u8]) -> Read<'_, Vec<u8>> {
    let (length, mut rest) = length(bytes, b'"')?;
    if length > rest.len() {
        return Err(Damaged);
    }
    let mut text = Vec::with_capacity(length);
    for _ in 0..length {
        text.push(match rest {
            [b'\\', high, low, behind @ ..] => {
                let nibble = |digit: u8| char::from(digit).to_digit(16).ok_or(Damaged);
                rest = behind;
                // Below 256, as both are below 16.
                (nibble(*high)? * 16 + nibble(*low)?) as u8
            }
            [b'\\', ..] | [] => return Err(Damaged),
            [byte, behind @ ..] => {
                rest = behind;
                *byte
            }
        });
    }
    Ok((text, expect(rest, b"\";")?))
}

/// Reads an integer and its end, and tells how it is written.
#[inline(always)]
pub(super) fn integer(bytes: &[u8]) -> Read<'_, &[u8]> {
    let mut end = digits(bytes);
    if end == 0 {
        if let [b'-' | b'+', rest @ ..] = bytes {
            end = digits(rest);
        }
        if end == 0 {
            return Err(Damaged);
        }
        end += 1;
    }
    let rest = expect(&bytes[end..], b";")?;
    Ok((&bytes[..end], rest))
}

/// How many digits there are.
#[inline(always)]
fn digits(bytes: &[u8]) -> usize {
    // Most numbers are short. Of so few bytes the compiler makes no loop.
    let near = bytes.first_chunk::<5>().and_then(|head| head.iter().position(|byte| !byte.is_ascii_digit()));
    near.unwrap_or_else(|| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Reads the number and the end of a float.
pub(super) fn float(bytes: &[u8]) -> Result<&[u8], Damaged> {
    for special in [&b"NAN;"[..], b"INF;", b"-INF;"] {
        if let Some(rest) = bytes.strip_prefix(special) {
            return Ok(rest);
        }
    }
    let signed = |from: usize| usize::from(matches!(bytes.get(from), Some(b'-' | b'+')));
    let mut end = signed(0);
    let whole = digits(&bytes[end..]);
    end += whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(&bytes[end + 1..]);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return Err(Damaged);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        end += 1 + signed(end + 1);
        let exponent = digits(&bytes[end..]);
        if exponent == 0 {
            return Err(Damaged);
        }
        end += exponent;
    }
    expect(&bytes[end..], b";")
}

/// Reads `N:"class":`.
pub(super) fn class(bytes: &[u8]) -> Result<&[u8], Damaged> {
    let (name, rest) = quoted(bytes)?;
    if name.is_empty() { Err(Damaged) } else { expect(rest, b":") }
}

/// Reads these bytes.
#[inline(always)]
pub(super) fn expect<'a>(bytes: &'a [u8], expected: &[u8]) -> Result<&'a [u8], Damaged> {
    bytes.strip_prefix(expected).ok_or(Damaged)
}
