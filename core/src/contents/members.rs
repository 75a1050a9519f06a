//! The walk through a payload along paths.

use std::ops::ControlFlow;

use super::cursor::{Cursor, Damaged, Opened};
use super::format::Format;
use super::path::{Gone, Path, Step};

/// Called where a path ends, with the cursor before the value and the numbers of the paths that lead here. It reads the
/// value or reads over it, and says whether to go on.
pub(super) type Arrived<'w, 'a> = dyn FnMut(&mut Cursor<'a>, &[usize]) -> Result<ControlFlow<()>, Damaged> + 'w;

/// Some paths, and how far each has been gone.
type Under = [(usize, Gone)];

/// The largest name in `php_binary`, and the flag beside it (`PS_BIN_MAX`, `PS_BIN_UNDEF` in ext/session/session.c).
const BINARY_MAX: u8 = 0x7f;
const BINARY_UNDEFINED: u8 = 0x80;

/// Reads a payload from its beginning, and calls `arrived` wherever a path ends. Values beside the paths are read over,
/// values inside of one at which a path ends are not looked at.
pub(super) fn walk<'a>(
    cursor: &mut Cursor<'a>,
    format: Format,
    paths: &[Path],
    arrived: &mut Arrived<'_, 'a>,
) -> Result<ControlFlow<()>, Damaged> {
    let under: Vec<_> = (0..paths.len()).map(|path| (path, Gone::default())).collect();
    let mut walk = Walk { paths, arrived };
    if format == Format::PhpSerialize {
        // What is no array is no session.
        return match (cursor.kind(), cursor.value()?) {
            (Some(b'a'), Some(opened)) => walk.inside(cursor, opened, &under),
            (Some(b'a'), None) => Ok(ControlFlow::Continue(())),
            _ => Err(Damaged),
        };
    }
    while !cursor.at_end() {
        let (name, undefined) = if format == Format::Php { delimited(cursor)? } else { counted(cursor)? };
        // PHP 5 wrote the names of variables that had no value. Today's (ext/session/session.c) knows no such mark, and
        // reads a name with an exclamation mark as any other, so the mark is one only where no value follows.
        if undefined && cursor.kind().is_none() {
            continue;
        }
        if walk.member(cursor, &under, name)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Reads `name|`, the name of a variable in `php`, and whether it is marked as undefined.
fn delimited<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a [u8], bool), Damaged> {
    let end = cursor.rest.iter().position(|byte| *byte == b'|').ok_or(Damaged)?;
    let (name, rest) = cursor.rest.split_at(end);
    cursor.rest = &rest[1..];
    Ok((name, name.first() == Some(&b'!')))
}

/// Reads the name of a variable in `php_binary` with its length, and whether it is marked as undefined.
fn counted<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a [u8], bool), Damaged> {
    let (length, rest) = cursor.rest.split_first().ok_or(Damaged)?;
    let (name, rest) = rest.split_at_checked(usize::from(length & BINARY_MAX)).ok_or(Damaged)?;
    cursor.rest = rest;
    Ok((name, length & BINARY_UNDEFINED != 0))
}

/// The name of a property without its class: private ones are written as `\0class\0name`, protected ones as `\0*\0name`
/// (`zend_mangle_property_name` in Zend/zend_compile.c).
fn plain_name(key: &[u8]) -> &[u8] {
    match key {
        [0, mangled @ ..] => mangled.iter().position(|byte| *byte == 0).map_or(key, |end| &mangled[end + 1..]),
        _ => key,
    }
}

struct Walk<'w, 'v, 'a> {
    paths: &'w [Path],
    arrived: &'w mut Arrived<'v, 'a>,
}

impl<'a> Walk<'_, '_, 'a> {
    /// Reads the value of a key.
    #[inline]
    fn member(&mut self, cursor: &mut Cursor<'a>, under: &Under, key: &[u8]) -> Result<ControlFlow<()>, Damaged> {
        if under.iter().all(|(path, gone)| self.paths[*path].step(*gone, key) == Step::Aside) {
            cursor.skip()?;
            return Ok(ControlFlow::Continue(()));
        }
        let (mut there, mut further) = (Vec::new(), Vec::new());
        for (path, gone) in under {
            match self.paths[*path].step(*gone, key) {
                Step::Aside => {}
                Step::Into(gone) => further.push((*path, gone)),
                Step::There => there.push(*path),
            }
        }
        if !there.is_empty() {
            return (self.arrived)(cursor, &there);
        }
        match cursor.value()? {
            Some(opened) => self.inside(cursor, opened, &further),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    /// Reads the members of an array or object. Nested by the keys of a path, of which there are few.
    fn inside(&mut self, cursor: &mut Cursor<'a>, opened: Opened, under: &Under) -> Result<ControlFlow<()>, Damaged> {
        cursor.within += 1;
        for _ in 0..opened.count {
            let key = cursor.key()?;
            let name = if opened.object { plain_name(&key) } else { &key };
            if self.member(cursor, under, name)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        cursor.within -= 1;
        cursor.expect(b"}")?;
        Ok(ControlFlow::Continue(()))
    }
}
