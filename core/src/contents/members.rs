//! The walk through a payload along paths.

use std::ops::ControlFlow;

use super::cursor::Cursor;
use super::format::Format;
use super::letters::Letters;
use super::literals::{Damaged, Read};
use super::path::{Gone, Path, Step};
use super::value::Opened;
use super::variable::{Variable, counted, delimited};

/// Called where a path ends, with the cursor before the value and the numbers of the paths that lead here. It reads the
/// value or reads over it, and says whether to go on.
pub(super) type Arrived<'w, 'a> = dyn FnMut(&mut Cursor<'a>, &[usize]) -> Result<ControlFlow<()>, Damaged> + 'w;

/// Some paths, and how far each has been gone.
struct Under {
    paths: Vec<(usize, Gone)>,
    /// What the keys that are on one of them begin with.
    letters: Letters,
}

/// Reads a payload from its beginning, and calls `arrived` wherever a path ends. Values beside the paths are read over,
/// values inside of one at which a path ends are not looked at.
pub(super) fn walk<'a>(
    cursor: &mut Cursor<'a>,
    format: Format,
    paths: &[Path],
    arrived: &mut Arrived<'_, 'a>,
) -> Result<ControlFlow<()>, Damaged> {
    let mut walk = Walk { paths, arrived };
    let under = Under::new(paths, (0..paths.len()).map(|path| (path, Gone::default())).collect());
    match format {
        Format::Php => walk.variables(cursor, &under, delimited),
        Format::PhpBinary => walk.variables(cursor, &under, counted),
        // What is no array is no session.
        Format::PhpSerialize => match (cursor.kind(), cursor.value()?) {
            (Some(b'a'), Some(opened)) => walk.inside(cursor, opened, under),
            (Some(b'a'), None) => Ok(ControlFlow::Continue(())),
            _ => Err(Damaged),
        },
    }
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

impl Under {
    fn new(all: &[Path], paths: Vec<(usize, Gone)>) -> Self {
        let mut letters = Letters::NONE;
        paths.iter().for_each(|(path, gone)| letters.add(all[*path].letter(*gone)));
        Under { paths, letters }
    }
}

impl<'a> Walk<'_, '_, 'a> {
    /// Reads variables to the end.
    #[inline]
    fn variables(
        &mut self,
        cursor: &mut Cursor<'a>,
        under: &Under,
        variable: impl Fn(&'a [u8]) -> Read<'a, Variable<'a>>,
    ) -> Result<ControlFlow<()>, Damaged> {
        while let Some(Variable { name, undefined }) = cursor.next_variable(&variable, &under.letters)? {
            // PHP 5 wrote the names of variables that had no value. Today's (ext/session/session.c) knows no such mark,
            // and reads a name with an exclamation mark as any other, so the mark is one only where no value follows.
            if undefined && cursor.kind().is_none() {
                continue;
            }
            if self.member(cursor, under, name)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the value of a key.
    fn member(&mut self, cursor: &mut Cursor<'a>, under: &Under, key: &[u8]) -> Result<ControlFlow<()>, Damaged> {
        let (mut there, mut further) = (Vec::new(), Vec::new());
        for (path, gone) in &under.paths {
            match self.paths[*path].step(*gone, key) {
                Step::Aside => {}
                Step::Into(gone) => further.push((*path, gone)),
                Step::There => there.push(*path),
            }
        }
        if !there.is_empty() {
            return (self.arrived)(cursor, &there);
        }
        if further.is_empty() {
            return cursor.skip().map(ControlFlow::Continue);
        }
        match cursor.value()? {
            Some(opened) => self.inside(cursor, opened, Under::new(self.paths, further)),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    /// Reads the members of an array or object. Nested by the keys of a path, of which there are few.
    fn inside(
        &mut self,
        cursor: &mut Cursor<'a>,
        opened: Opened,
        mut under: Under,
    ) -> Result<ControlFlow<()>, Damaged> {
        if opened.object {
            // What a name begins with that has its class before it.
            under.letters.add(0);
        }
        cursor.within += 1;
        let mut left = opened.count;
        while let Some((key, behind)) = cursor.next_key(left, &under.letters)? {
            left = behind;
            let name = if opened.object { plain_name(&key) } else { &key };
            if self.member(cursor, &under, name)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        cursor.within -= 1;
        cursor.expect(b"}")?;
        Ok(ControlFlow::Continue(()))
    }
}
