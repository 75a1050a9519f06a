//! The value at a path.

use std::ops::ControlFlow;

use super::cursor::Cursor;
use super::members::walk;
use super::{Format, Path, Scalar};

/// The value at `path`: an integer, string, bool or float. `None` if there is none, if it is something else, or if the
/// payload is damaged before it.
///
/// Arrays and the properties of objects are followed, whichever class declares them and whether public or not.
/// References (`R`, `r`) are not, nor is what an object wrote by itself (`C`). Where the path leads to several values, as
/// `a.b` does in `['a' => ['b' => 1], 'a.b' => 2]`, it is the first; what follows it is not read.
pub fn find<'a>(payload: &'a [u8], format: Format, path: &Path) -> Option<Scalar<'a>> {
    find_each(payload, format, std::slice::from_ref(path)).pop().flatten()
}

/// The same at each of several paths.
pub fn find_each<'a>(payload: &'a [u8], format: Format, paths: &[Path]) -> Vec<Option<Scalar<'a>>> {
    // One walk looks at nothing inside of a value at which a path ends.
    let one_in_another = |path: &Path| paths.iter().any(|other| path.goes_on_from(other));
    if paths.iter().any(one_in_another) {
        return paths.iter().map(|path| find(payload, format, path)).collect();
    }
    let mut found = vec![None; paths.len()];
    let mut arrived = |cursor: &mut Cursor<'a>, there: &[usize]| {
        let value = cursor.scalar()?;
        for path in there {
            if found[*path].is_none() {
                found[*path] = value.clone();
            }
        }
        Ok(if found.iter().all(Option::is_some) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    // What stands before the damage is none the worse for it.
    let _ = walk(&mut Cursor::new(payload), format, paths, &mut arrived);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::cursor::MAX_DEPTH;

    fn at(payload: &[u8], path: &str) -> Option<String> {
        let scalar = find(payload, Format::Php, &Path::parse(path).unwrap())?;
        Some(String::from_utf8_lossy(&scalar.into_bytes()).into_owned())
    }

    fn nested(depth: usize) -> Vec<u8> {
        format!("a|{}N;{}b|i:1;", "a:1:{i:0;".repeat(depth), "}".repeat(depth)).into_bytes()
    }

    #[test]
    fn the_users_of_the_applications_are_found() {
        let one = |payload: &[u8], path| at(payload, path).unwrap();
        assert_eq!(one(br#"account|a:1:{s:15:"current_user_id";i:1;}"#, "account.current_user_id"), "1");
        assert_eq!(one(br#"account.current_user_id|i:7;"#, "account.current_user_id"), "7");
        let processwire = br#"Session|a:2:{s:5:"hello";s:3:"a|b";s:5:"_user";a:2:{s:2:"id";i:41;s:2:"ts";i:9;}}"#;
        assert_eq!(one(processwire, "Session._user.id"), "41");
        assert_eq!(at(processwire, "Session._user"), None);
        assert_eq!(at(processwire, "Session._user.id.x"), None);
    }

    #[test]
    fn several_paths_are_found_as_each_of_them_is() {
        let payloads = [
            br#"user|s:4:"emma";x|a:1:{s:4:"name";i:5;}y|i:1;"#.as_slice(),
            br#"user|a:2:{s:2:"id";i:7;s:4:"name";s:1:"e";}user.id|i:8;y|i:2;"#,
            br#"y|i:3;y|i:4;user.id|i:8;x|a:1:{s:4:"name";damaged"#,
            b"",
        ];
        for written in
            [&["user", "x.name", "y"][..], &["user", "user.id", "y"], &["user.id", "user"], &["y", "y", "z"], &[]]
        {
            let paths: Vec<_> = written.iter().map(|path| Path::parse(path).unwrap()).collect();
            for payload in payloads {
                let each: Vec<_> = paths.iter().map(|path| find(payload, Format::Php, path)).collect();
                assert_eq!(
                    find_each(payload, Format::Php, &paths),
                    each,
                    "{written:?} {:?}",
                    payload.escape_ascii().to_string()
                );
            }
        }
        let nested = ["user", "user.id"].map(|path| Path::parse(path).unwrap());
        assert_eq!(find_each(payloads[1], Format::Php, &nested), [None, Some(Scalar::Int(7))]);
    }

    #[test]
    fn every_scalar_is_read_and_nothing_else() {
        let payload = br#"n|N;b|b:1;i|i:-5;d|d:1.0E+25;u|d:-INF;s|s:3:"a";";S|S:3:"a\ffb";e|E:3:"A:B";r|r:3;C|C:1:"A":2:{i:}a|a:0:{}z|s:0:"";"#;
        let text =
            |key| find(payload, Format::Php, &Path::parse(key).unwrap()).map(|scalar| scalar.into_bytes().into_owned());
        for (key, value) in [
            ("b", &b"1"[..]),
            ("i", b"-5"),
            ("d", b"1.0E+25"),
            ("u", b"-INF"),
            ("s", b"a\";"),
            ("S", b"a\xffb"),
            ("z", b""),
        ] {
            assert_eq!(text(key).as_deref(), Some(value), "{key}");
        }
        for key in ["n", "e", "r", "C", "a", "y"] {
            assert_eq!(text(key), None, "{key}");
        }
    }

    #[test]
    fn properties_go_by_their_plain_names_and_array_keys_do_not() {
        let object = b"o|O:1:\"A\":3:{s:4:\"\0A\0x\";i:1;s:4:\"\0*\0y\";i:2;s:1:\"z\";i:3;}";
        assert_eq!(at(object, "o.x").unwrap(), "1");
        assert_eq!(at(object, "o.y").unwrap(), "2");
        assert_eq!(at(object, "o.z").unwrap(), "3");
        assert_eq!(at(b"o|a:1:{s:4:\"\0A\0x\";i:1;}", "o.x"), None);
    }

    #[test]
    fn a_name_without_a_value_is_passed_over() {
        assert_eq!(at(b"!a|b|i:5;", "b").unwrap(), "5");
        assert_eq!(at(b"!a|b|i:5;", "!a"), None);
        assert_eq!(at(b"!a|i:4;b|i:5;", "!a").unwrap(), "4");
        let b = Path::parse("b").unwrap();
        assert_eq!(find(b"\x81a\x01bi:5;", Format::PhpBinary, &b), Some(Scalar::Int(5)));
        assert_eq!(find(b"\x81ai:4;\x01bi:5;", Format::PhpBinary, &b), Some(Scalar::Int(5)));
    }

    #[test]
    fn depth_is_limited_as_in_php() {
        assert_eq!(at(&nested(MAX_DEPTH), "b").unwrap(), "1");
        assert_eq!(at(&nested(MAX_DEPTH + 1), "b"), None);
        assert_eq!(at(&nested(100_000), "b"), None);
    }

    #[test]
    fn what_php_would_not_read_is_not_read_over() {
        for damaged in [
            "",
            "a",
            "a|",
            "a|i",
            "a|i:",
            "a|i:;",
            "a|i:5",
            "a|i:5x;",
            "a|i:-;",
            "a|b:2;",
            "a|N:",
            "a|d:;",
            "a|d:.;",
            "a|d:1e;",
            "a|d:INFx;",
            "a|s:1:\"\";",
            "a|s:2:\"a\";",
            "a|s:1:\"a\"",
            "a|s:-1:\"a\";",
            "a|s::\"\";",
            "a|s:99999999999999999999:\"a\";",
            "a|s:4294967295:\"a\";",
            "a|S:1:\"\\zz\";",
            "a|S:1:\"\\a",
            "a|S:9:\"a\";",
            "a|a:1:{}",
            "a|a:0:{i:0;N;}",
            "a|a:1:{N;N;}",
            "a|a:1:{i:0;N;",
            "a|a:9:{i:0;N;}",
            "a|a:-1:{}",
            "a|a:1:{a:0:{}N;}",
            "a|O:0:\"\":0:{}",
            "a|O:1:\"A\":1:{}",
            "a|C:1:\"A\":3:{}",
            "a|C:1:\"A\":1:{}}}",
            "a|E:1:\"A\"",
            "a|R:;",
            "a|x:1;",
            "a|o:1:\"A\":0:{}",
            "x",
        ] {
            let payload = [damaged.as_bytes(), b"b|i:1;"].concat();
            assert_eq!(at(&payload, "b").is_some(), damaged.is_empty(), "{damaged}");
            assert_eq!(at(damaged.as_bytes(), "a"), None, "{damaged}");
        }
        let a = Path::parse("a").unwrap();
        for damaged in [&b"i:5;"[..], b"O:1:\"A\":1:{s:1:\"a\";i:1;}", b"a:0:{}", b"a:1:{s:1:\"a\";i:1"] {
            assert_eq!(find(damaged, Format::PhpSerialize, &a), None);
        }
        for damaged in [&b"\x05ai:1;"[..], b"\x01", b"\x01a", b"\x01ai:9999999999999999999;"] {
            assert_eq!(find(damaged, Format::PhpBinary, &a), None);
        }
    }
}
