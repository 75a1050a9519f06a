//! What has changed between two payloads of one session.

use std::ops::ControlFlow;

use super::cursor::Cursor;
use super::literals::Damaged;
use super::members::walk;
use super::{Format, Path};

/// Whether two payloads are the same, byte for byte, but for the values at `paths`. Equal payloads are, whatever they
/// are.
///
/// A value is at a path in both or in neither: one that appears or goes is a change. In doubt the answer is no:
/// - where a payload is damaged, has a path twice, or has something behind its end;
/// - where a reference stands at a path, or refers to what stands there, as then it changes too;
/// - where there is an array or object at a path, and a reference anywhere, as references go by numbers that the members
///   would shift.
pub fn same_but_for(old: &[u8], new: &[u8], format: Format, paths: &[Path]) -> bool {
    let alike = alike(old, new);
    let equal = alike == old.len() && alike == new.len();
    equal || (!paths.is_empty() && compare(old, new, alike, format, paths).unwrap_or(false))
}

/// How many bytes two payloads have in common before the first that differs.
fn alike(old: &[u8], new: &[u8]) -> usize {
    let mut alike = 0;
    for size in [2048, 64, 8, 1] {
        let (old, new) = (old[alike..].chunks_exact(size), new[alike..].chunks_exact(size));
        alike += size * old.zip(new).take_while(|(old, new)| old == new).count();
    }
    alike
}

/// Reads the old payload, as far as it matters. Of the new one only the values at the paths have to be read: where all
/// bytes before a value are the same, a value at the same path begins.
fn compare(old: &[u8], new: &[u8], alike_at_first: usize, format: Format, paths: &[Path]) -> Result<bool, Damaged> {
    let mut cursor = Cursor::new(old);
    let mut other = Cursor::new(new);
    let mut seen = vec![false; paths.len()];
    let mut nested = false;
    // What was left of both behind the value that was read last, and how far from there on they are alike.
    let (mut old_left, mut new_left, mut same) = (old.len(), new, alike_at_first);
    // A value that reaches beyond that is a difference, unless it is at a path.
    cursor.least = old_left - same;

    let mut arrived = |cursor: &mut Cursor<'_>, there: &[usize]| {
        if there.iter().any(|path| std::mem::replace(&mut seen[*path], true)) {
            return Err(Damaged);
        }
        let before = old_left - cursor.rest.len();
        if before > same {
            return Ok(ControlFlow::Break(()));
        }
        other.rest = &new_left[before..];
        other.within = cursor.within;
        for kind in [cursor.kind(), other.kind()] {
            match kind {
                None | Some(b'R' | b'r') => return Err(Damaged),
                Some(b'a' | b'O' | b'C') => nested = true,
                Some(_) => {}
            }
        }
        let number = cursor.references.values + 1;
        cursor.references.watched.push(number);
        cursor.least = 0;
        cursor.skip()?;
        other.skip()?;
        (old_left, new_left, same) = (cursor.rest.len(), other.rest, alike(cursor.rest, other.rest));
        cursor.least = old_left - same;
        Ok(ControlFlow::Continue(()))
    };
    if walk(&mut cursor, format, paths, &mut arrived)?.is_break() || !cursor.at_end() {
        return Ok(false);
    }
    let (ours, theirs) = (&cursor.references, &other.references);
    let references = ours.any || theirs.any;
    if ours.to_watched || (references && (nested || ours.opaque || theirs.opaque)) {
        return Ok(false);
    }
    Ok(same == old_left && same == new_left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(old: &str, new: &str, paths: &[&str]) -> bool {
        let paths: Vec<_> = paths.iter().map(|path| Path::parse(path).unwrap()).collect();
        let there = same_but_for(old.as_bytes(), new.as_bytes(), Format::Php, &paths);
        let back = same_but_for(new.as_bytes(), old.as_bytes(), Format::Php, &paths);
        assert_eq!(there, back, "{old} {new}");
        there
    }

    #[test]
    fn a_clock_is_no_change_and_anything_else_is() {
        let at = |id: u32, ts: &str| {
            format!(r#"Session|a:1:{{s:5:"_user";a:3:{{s:2:"ts";{ts}s:2:"id";i:{id};s:1:"u";N;}}}}x|s:1:"y";"#)
        };
        let ts = &["_sf2_meta.u", "Session._user.ts"];
        assert!(same(&at(1, "i:9;"), &at(1, "i:10;"), ts));
        assert!(same(&at(1, "i:9;"), &at(1, r#"s:2:"10";"#), ts));
        assert!(same(&at(1, "i:9;"), &at(1, "N;"), ts));
        assert!(same(&at(1, "i:9;"), &at(1, "a:1:{i:0;i:3;}"), ts));
        assert!(!same(&at(1, "i:9;"), &at(2, "i:10;"), ts));
        assert!(!same(&at(1, "i:9;"), &at(1, "i:10;"), &["Session._user.t"]));
        assert!(!same(&at(1, "i:9;"), &at(1, "i:10;"), &[]));
        assert!(same(&at(1, "i:9;"), &at(1, "i:9;"), &[]));
    }

    #[test]
    fn several_values_may_differ_at_once() {
        assert!(same("a|i:1;b|i:2;c|a:1:{i:0;i:3;}", "a|i:10;b|i:2;c|a:1:{i:0;i:30;}", &["c.0", "a"]));
        assert!(!same("a|i:1;b|i:2;c|a:1:{i:0;i:3;}", "a|i:10;b|i:3;c|a:1:{i:0;i:30;}", &["c.0", "a"]));
        assert!(same("a|a:1:{i:0;i:3;}", "a|i:10;", &["a", "a.0"]));
    }

    #[test]
    fn a_value_that_comes_or_goes_is_a_change() {
        assert!(!same("b|i:2;", "a|i:1;b|i:2;", &["a"]));
        assert!(!same("b|i:2;", "b|i:2;a|i:1;", &["a"]));
        assert!(!same("", "a|i:1;", &["a"]));
        assert!(!same("a|i:1;b|i:1;", "b|i:1;a|i:1;", &["a", "b"]));
    }

    #[test]
    fn references_to_the_value_are_a_doubt() {
        assert!(!same("a|i:1;b|R:1;", "a|i:2;b|R:1;", &["a"]));
        assert!(same("a|i:1;b|i:1;c|R:2;", "a|i:2;b|i:1;c|R:2;", &["a"]));
        assert!(!same("b|i:1;a|R:1;", "b|i:1;a|i:1;", &["a"]));
        assert!(!same("a|i:1;b|a:1:{i:0;r:2;}", "a|a:1:{i:0;N;}b|a:1:{i:0;r:2;}", &["a"]));
        assert!(!same(r#"a|i:1;b|C:1:"A":4:{R:1;}"#, r#"a|i:2;b|C:1:"A":4:{R:1;}"#, &["a"]));
        assert!(same(r#"a|i:1;b|C:1:"A":4:{i:1;}"#, r#"a|i:2;b|C:1:"A":4:{i:1;}"#, &["a"]));
        assert!(!same(r#"b|C:1:"A":4:{i:1;}a|i:1;c|R:9;"#, r#"b|C:1:"A":4:{i:1;}a|i:2;c|R:9;"#, &["a"]));
    }

    #[test]
    fn damage_and_paths_found_twice_are_a_doubt() {
        assert!(!same("a|i:1;x", "a|i:2;x", &["a"]));
        assert!(!same("a|i:1", "a|i:2", &["a"]));
        assert!(!same("a|i:1;b|i:2", "a|i:2;b|i:2", &["a"]));
        assert!(!same("a|i:1;a|i:2;", "a|i:2;a|i:2;", &["a"]));
        let path = [Path::parse("a").unwrap()];
        let serialized = |old: &[u8], new: &[u8]| same_but_for(old, new, Format::PhpSerialize, &path);
        assert!(serialized(br#"a:1:{s:1:"a";i:1;}"#, br#"a:1:{s:1:"a";i:2;}"#));
        assert!(!serialized(br#"a:1:{s:1:"a";i:1;}x"#, br#"a:1:{s:1:"a";i:2;}x"#));
        assert!(!serialized(b"i:1;", b"i:2;"));
        assert!(!serialized(b"", b"i:2;"));
    }
}
