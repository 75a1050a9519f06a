//! What holds for the reader of sessions with every input. Used by the fuzz target and by the tests of core.

use std::sync::LazyLock;

use rustdb_core::contents::{Format, Path, VOLATILE_KEYS, find, same_but_for};

/// What separates two payloads in an input, so that they can be compared. No format has it outside of a string.
const SEPARATOR: u8 = 0xff;

const FORMATS: [Format; 3] = [Format::Php, Format::PhpSerialize, Format::PhpBinary];

static PATHS: LazyLock<Vec<Path>> = LazyLock::new(|| {
    let own = ["a", "b", "a.b", "a.0", "a.b.c", "0", "!a", "account.current_user_id", "Session._user.id"];
    own.iter()
        .copied()
        .chain(VOLATILE_KEYS.split(','))
        .map(|path| Path::parse(path).expect("the paths above are right"))
        .collect()
});

/// Reads an input in every format. Panics where something does not hold.
pub fn check(input: &[u8]) {
    let (old, new) = match input.iter().position(|byte| *byte == SEPARATOR) {
        Some(middle) => (&input[..middle], &input[middle + 1..]),
        None => (input, &input[..input.len().saturating_sub(1)]),
    };
    for format in FORMATS {
        for (at, path) in PATHS.iter().enumerate() {
            let found = find(old, format, path);
            compare(old, new, format, at);
            // What follows a value does not change what is found.
            if found.is_some() && format != Format::PhpSerialize {
                assert_eq!(find(&[old, b"a|i:1;"].concat(), format, path), found);
            }
        }
        let all = same_but_for(old, new, format, &PATHS);
        assert_eq!(all, same_but_for(new, old, format, &PATHS));
    }
}

/// Compares two payloads with one path: the order is of no matter, and no value elsewhere differs.
fn compare(old: &[u8], new: &[u8], format: Format, at: usize) {
    let same = same_but_for(old, new, format, &PATHS[at..=at]);
    assert_eq!(same, same_but_for(new, old, format, &PATHS[at..=at]));
    if !same || old == new {
        assert_eq!(same, old == new);
        return;
    }
    for (_, other) in PATHS.iter().enumerate().filter(|(other, _)| apart(*other, at)) {
        assert_eq!(find(old, format, other), find(new, format, other));
    }
}

/// Whether two of the paths begin differently.
fn apart(one: usize, other: usize) -> bool {
    let first = |at: usize| match at {
        0 | 2..=4 => 0,
        8..=10 => 8,
        _ => at,
    };
    first(one) != first(other)
}
