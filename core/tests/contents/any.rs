//! Inputs that nobody meant: those of the fuzzer, and payloads with bytes changed.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rustdb_core::contents::{Format, Path, find, same_but_for};

use crate::checks::check;
use crate::tree::{FORMATS, session};

#[test]
fn the_inputs_of_the_fuzzer_hold() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/contents");
    let mut inputs = 0;
    for entry in std::fs::read_dir(&directory).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 18, "{inputs} inputs in {}", directory.display());
}

proptest! {
    #[test]
    fn changed_bytes_do_no_harm(
        session in session(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), changed(), any::<bool>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        for format in FORMATS {
            let payload = session.write(format);
            let mut other = payload.clone();
            for (place, byte, insert) in &changes {
                let place = place.index(other.len() + 1);
                if *insert || place == other.len() {
                    other.insert(place, *byte);
                } else {
                    other[place] = *byte;
                }
            }
            other.truncate(cut.map_or(other.len(), |cut| cut.index(other.len() + 1)));
            check(&other);
            check(&[&payload[..], b"\xff", &other].concat());
        }
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(changed(), 0..60)) {
        check(&bytes);
    }
}

/// A byte, most often one that the formats use.
fn changed() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(b"aOCEsSibdNRr:;{}\"|!0123456789.-\0\\".to_vec()), any::<u8>()]
}

/// A quarter of a megabyte of each of these is read in far less than this, even unoptimised and on a busy machine. What
/// takes time that grows with the square would need minutes.
const LIMIT: Duration = Duration::from_secs(2);

#[test]
fn hostile_payloads_are_read_in_time_that_grows_with_their_length() {
    let size = 1 << 18;
    let repeated = |piece: &str| piece.repeat(size / piece.len());
    let hostile = [
        repeated("a:1:{i:0;"),
        format!("a|{}", repeated("a:1:{i:0;")),
        format!("a|{}", repeated("a:1:{s:1:\"b\";")),
        format!("a|a:99999:{{{}", repeated("s:1:\"b\";a:0:{}")),
        repeated("a|i:1;"),
        repeated("a|a:1:{s:1:\"b\";a:0:{}}"),
        repeated("!a|"),
        repeated("|"),
        repeated("a"),
        repeated("0"),
        format!("a|i:{}", repeated("0")),
        format!("a|s:{}", repeated("0")),
        format!("a|S:250000:\"{}", repeated("\\6")),
        format!("a|{}", repeated("S:3:\"abc\";")),
        format!("a|d:{}", repeated("1")),
        format!("b|{}", repeated("C:1:\"A\":2:{R:}c|")),
        format!("x|i:1;{}", repeated("b|R:1;")),
        repeated("\u{1}ai:1;"),
        repeated("\u{1}"),
    ];
    let paths: Vec<_> = ["a.b.c", "a", "0.0"].map(|path| Path::parse(path).unwrap()).into();
    for payload in hostile {
        let began = Instant::now();
        for format in FORMATS {
            for path in &paths {
                find(payload.as_bytes(), format, path);
            }
            let other = [payload.as_bytes(), b"x"].concat();
            assert!(!same_but_for(payload.as_bytes(), &other, format, &paths));
        }
        let head: String = payload.chars().take(20).collect();
        assert!(began.elapsed() < LIMIT, "{head}… took {:?}", began.elapsed());
    }
}

#[test]
fn a_long_path_is_no_cost_that_a_payload_can_multiply() {
    let path = Path::parse(&["a"; Path::MAX_KEYS].join(".")).unwrap();
    let payload = format!("a|{}", "a:1:{s:1:\"a\";".repeat(Path::MAX_KEYS - 2) + "a:50000:{");
    let payload = payload + &"s:1:\"a\";i:1;".repeat(49_999) + "s:1:\"a\";i:7;" + &"}".repeat(Path::MAX_KEYS - 1);
    assert_eq!(find(payload.as_bytes(), Format::Php, &path).unwrap().as_int(), Some(1));
}
