//! The way to a value inside a session, as it is written in a setting.

use crate::error::{Error, ErrorKind, Result};

/// Keys from the outermost to the one of the value: `Session._user.id`.
///
/// A key that has a dot in it is written with a backslash before the dot, a backslash in a key as two. That is seldom
/// needed: several parts of a path are also taken for one key, dots and all, so `account.current_user_id` finds
/// `$_SESSION['account']['current_user_id']` as well as `$_SESSION['account.current_user_id']`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The keys, joined with dots.
    joined: Vec<u8>,
    /// Where in `joined` each key ends.
    ends: Vec<usize>,
}

/// How much of a path has been gone: the place in the path at which the next key begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Gone(usize);

/// What a key means to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is not on the path.
    Aside,
    /// The path goes on inside of its value.
    Into(Gone),
    /// Its value is what the path leads to.
    There,
}

impl Path {
    /// The most keys a path may have. It bounds how deep calls nest when a path is followed.
    pub const MAX_KEYS: usize = 16;

    /// Reads a path as it is written in a setting.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a path without keys, with an empty key, with a backslash before anything else than a dot
    /// or a backslash, or with more than [`Path::MAX_KEYS`] keys.
    pub fn parse(written: &str) -> Result<Path> {
        let wrong = |what: &str| {
            let example =
                "write keys with dots between them, such as account.current_user_id, and \\. for a dot in a key";
            Err(Error::new(ErrorKind::Config, format!("the path \"{written}\" {what}; {example}")))
        };
        if written.is_empty() {
            return wrong("is empty");
        }
        let mut path = Path { joined: Vec::with_capacity(written.len()), ends: Vec::new() };
        let mut start = 0;
        let mut bytes = written.bytes();
        loop {
            let byte = bytes.next();
            if matches!(byte, None | Some(b'.')) {
                if path.joined.len() == start {
                    return wrong("has an empty key");
                }
                path.ends.push(path.joined.len());
                if path.ends.len() > Self::MAX_KEYS {
                    return wrong(&format!("has more than {} keys", Self::MAX_KEYS));
                }
            }
            match byte {
                None => return Ok(path),
                Some(b'.') => {
                    path.joined.push(b'.');
                    start = path.joined.len();
                }
                Some(b'\\') => match bytes.next() {
                    Some(escaped @ (b'.' | b'\\')) => path.joined.push(escaped),
                    _ => return wrong("has a backslash that is not before a dot or another backslash"),
                },
                Some(other) => path.joined.push(other),
            }
        }
    }

    /// Whether it leads into what stands at `other`.
    pub(super) fn goes_on_from(&self, other: &Path) -> bool {
        self.joined.strip_prefix(other.joined.as_slice()).is_some_and(|further| further.starts_with(b"."))
    }

    /// The longest key: where it does not stand at all, nothing stands at the path, and nothing else has to be read to
    /// know that.
    pub fn longest_key(&self) -> &[u8] {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| end + 1));
        let keys = starts.zip(&self.ends).map(|(start, end)| &self.joined[start..*end]);
        keys.max_by_key(|key| key.len()).unwrap_or_default()
    }

    /// What a key on the path begins with where `gone` of it lies behind.
    pub(super) fn letter(&self, gone: Gone) -> u8 {
        self.joined[gone.0]
    }

    /// What `key` means where `gone` of the path lies behind. One key is at most one step: of the ways to take parts of
    /// the path for one key, no two have the same length.
    #[inline]
    pub(super) fn step(&self, gone: Gone, key: &[u8]) -> Step {
        let ahead = &self.joined[gone.0..];
        if key.is_empty() || !ahead.starts_with(key) {
            return Step::Aside;
        }
        let end = gone.0 + key.len();
        if end == self.joined.len() {
            Step::There
        } else if self.ends.contains(&end) {
            Step::Into(Gone(end + 1))
        } else {
            Step::Aside
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(path: &str, keys: &[&str]) -> Step {
        let path = Path::parse(path).unwrap();
        let mut gone = Gone::default();
        for (at, key) in keys.iter().enumerate() {
            match path.step(gone, key.as_bytes()) {
                Step::Into(further) => gone = further,
                end => return if at + 1 == keys.len() { end } else { Step::Aside },
            }
        }
        Step::Into(gone)
    }

    #[test]
    fn keys_are_followed_one_by_one_or_several_as_one() {
        for keys in [&["a", "b", "c"][..], &["a.b", "c"], &["a", "b.c"], &["a.b.c"]] {
            assert_eq!(step("a.b.c", keys), Step::There, "{keys:?}");
        }
        for keys in [&["a", "c"][..], &["b"], &["a.b.c."], &["a."], &[""], &["a", ""], &["a", "b", "c", "d"], &["ab"]] {
            assert_eq!(step("a.b.c", keys), Step::Aside, "{keys:?}");
        }
        assert!(matches!(step("a.b.c", &["a", "b"]), Step::Into(_)));
    }

    #[test]
    fn the_longest_key_may_stand_anywhere() {
        for (path, longest) in [("a", "a"), ("a.bc", "bc"), ("ab.c", "ab"), ("a.bcd.ef", "bcd"), (r"ab.c\.d", "c.d")] {
            assert_eq!(Path::parse(path).unwrap().longest_key(), longest.as_bytes(), "{path}");
        }
    }

    #[test]
    fn an_escaped_dot_is_part_of_its_key() {
        assert_eq!(step(r"a\.b.c", &["a.b", "c"]), Step::There);
        assert_eq!(step(r"a\.b.c", &["a", "b", "c"]), Step::Aside);
        assert_eq!(step(r"a\\b", &[r"a\b"]), Step::There);
        assert_eq!(step(r"a\\.b", &[r"a\", "b"]), Step::There);
    }

    #[test]
    fn a_wrong_path_is_refused_with_the_reason() {
        let many = vec!["k"; Path::MAX_KEYS + 1].join(".");
        for (written, reason) in [
            ("", "is empty"),
            (".", "empty key"),
            ("a.", "empty key"),
            (".a", "empty key"),
            ("a..b", "empty key"),
            (r"a\", "backslash"),
            (r"a\b", "backslash"),
            (&many, "more than 16 keys"),
        ] {
            let error = Path::parse(written).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(reason), "{written}: {error}");
        }
        assert!(Path::parse(&many[2..]).is_ok());
    }

    #[test]
    fn the_default_paths_are_right() {
        use super::super::{USER_KEYS, VOLATILE_KEYS};
        for written in USER_KEYS.split(',').chain(VOLATILE_KEYS.split(',')) {
            assert!(Path::parse(written).is_ok(), "{written}");
        }
    }
}
