//! Sessions that real PHP has written.

use std::process::Command;

use rustdb_core::contents::{Format, Path, VOLATILE_KEYS, find, same_but_for};
use tempfile::TempDir;

const HANDLERS: [(&str, Format); 3] =
    [("php", Format::Php), ("php_serialize", Format::PhpSerialize), ("php_binary", Format::PhpBinary)];

/// The PHP that php-config stands for, or the one in PATH.
fn php() -> String {
    let config = std::env::var("PHP_CONFIG").unwrap_or_else(|_| "php-config".to_owned());
    let asked = Command::new(config).arg("--php-binary").output();
    let binary = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if binary.is_empty() { "php".to_owned() } else { binary }
}

/// What PHP prints for a script that runs in an open, empty session. `pass($value)` prints it.
fn run(handler: &str, script: &str) -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    let script = format!(
        "session_start() || exit(1);
         function pass($value) {{ echo strlen($value), \"\\n\", $value; }}
         {script}"
    );
    // To write what is nested deeply PHP needs a larger stack than the usual one.
    let output = Command::new("sh")
        .args(["-c", "ulimit -s 1000000 && exec \"$0\" \"$@\""])
        .arg(php())
        .args(["-n", "-d", "session.use_cookies=0", "-d", "session.cache_limiter=", "-d", "display_errors=stderr"])
        .args(["-d", "serialize_precision=-1"])
        .arg("-d")
        .arg(format!("session.serialize_handler={handler}"))
        .arg("-d")
        .arg(format!("session.save_path={}", directory.path().display()))
        .args(["-r", &script])
        .output()
        .expect("PHP's command line is needed: install php-cli");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{handler}: {} {errors}", output.status);
    output.stdout
}

/// The values that a script passes.
fn passed(handler: &str, script: &str) -> Vec<Vec<u8>> {
    let output = run(handler, script);
    let mut rest = &output[..];
    let mut values = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let length: usize = std::str::from_utf8(&rest[..end]).unwrap().parse().unwrap();
        values.push(rest[end + 1..][..length].to_vec());
        rest = &rest[end + 1 + length..];
    }
    assert!(rest.is_empty());
    values
}

/// The session that a script fills, in every format.
fn encoded(script: &str) -> Vec<(Format, Vec<u8>)> {
    let of = |(handler, format)| {
        let payload = passed(handler, &format!("{script} pass(session_encode());")).pop().unwrap();
        assert!(!payload.is_empty());
        (format, payload)
    };
    HANDLERS.into_iter().map(of).collect()
}

fn text(payload: &[u8], format: Format, path: &str) -> Option<String> {
    let scalar = find(payload, format, &Path::parse(path).unwrap())?;
    Some(String::from_utf8_lossy(&scalar.into_bytes()).into_owned())
}

/// Asserts what is found at each path, in every format.
fn finds(script: &str, expected: &[(&str, Option<&str>)]) {
    for (format, payload) in encoded(script) {
        for (path, value) in expected {
            let found = text(&payload, format, path);
            assert_eq!(found.as_deref(), *value, "{format:?} {path} in {}", payload.escape_ascii());
        }
    }
}

#[test]
fn scalars_arrays_and_text() {
    finds(
        r#"$_SESSION = ['int' => PHP_INT_MIN, 'yes' => true, 'no' => false, 'null' => null, 'empty' => '',
               'a.b' => ['c.d' => 'flat'], 'grüße' => ['schlüssel' => 'wert €'], 'list' => ['x', [10 => 'y', '7' => 'z']],
               'quote' => '";}', '!mark' => 3, 'bytes' => "\0\xff|", str_repeat('n', 127) => 'long', 'last' => 9];"#,
        &[
            ("int", Some("-9223372036854775808")),
            ("yes", Some("1")),
            ("no", Some("0")),
            ("null", None),
            ("empty", Some("")),
            (r"a\.b.c\.d", Some("flat")),
            ("a.b.c.d", Some("flat")),
            (r"a.b\.c.d", None),
            ("grüße.schlüssel", Some("wert €")),
            ("list.0", Some("x")),
            ("list.1.10", Some("y")),
            ("list.1.7", Some("z")),
            ("list", None),
            ("quote", Some("\";}")),
            ("!mark", Some("3")),
            ("mark", None),
            (&"n".repeat(127), Some("long")),
            ("last", Some("9")),
        ],
    );
}

#[test]
fn floats_as_php_writes_them() {
    finds(
        "$_SESSION = ['a' => 0.1, 'b' => 1e100, 'c' => -1.5e-7, 'd' => NAN, 'e' => INF, 'f' => -INF, 'g' => -0.0,
             'h' => PHP_FLOAT_MAX, 'i' => PHP_FLOAT_MIN, 'j' => 1.0];",
        &[
            ("a", Some("0.1")),
            ("b", Some("1.0E+100")),
            ("c", Some("-1.5E-7")),
            ("d", Some("NAN")),
            ("e", Some("INF")),
            ("f", Some("-INF")),
            ("g", Some("-0")),
            ("h", Some("1.7976931348623157E+308")),
            ("i", Some("2.2250738585072014E-308")),
            ("j", Some("1")),
        ],
    );
}

#[test]
fn objects_enums_and_what_objects_write_themselves() {
    finds(
        r#"enum Suit: string { case Hearts = 'H'; }
           class Base { private $own = 'base'; protected $shared = 'protected'; public $open = ['id' => 5]; }
           final class User extends Base { private $name = 'private'; public ?Base $base = null; public Suit $suit = Suit::Hearts; }
           class Written { public function __serialize(): array { return ['id' => 8, 3 => 'three']; }
               public function __unserialize(array $data): void {} }
           class Old implements \Serializable { public function serialize() { return 'a|i:1;}'; }
               public function unserialize($data) {} }
           $user = new User; $user->base = new Base; $user->dynamic = 'dynamic';
           $_SESSION = ['suit' => Suit::Hearts, 'old' => new Old, 'user' => $user, 'written' => new Written,
               'plain' => (object)['id' => 4, '12' => 'number'], 'list' => new \ArrayObject(['id' => 6]), 'last' => 1];"#,
        &[
            ("user.own", Some("base")),
            ("user.shared", Some("protected")),
            ("user.open.id", Some("5")),
            ("user.name", Some("private")),
            ("user.base.shared", Some("protected")),
            ("user.base.name", None),
            ("user.dynamic", Some("dynamic")),
            ("user.suit", None),
            ("suit", None),
            ("written.id", Some("8")),
            ("written.3", Some("three")),
            ("old", None),
            ("old.a", None),
            ("plain.id", Some("4")),
            ("plain.12", Some("number")),
            ("last", Some("1")),
        ],
    );
}

#[test]
fn references_are_not_followed_and_not_in_the_way() {
    finds(
        "$object = (object)['id' => 1]; $_SESSION = ['a' => ['id' => 2], 'o' => $object, 'p' => $object];
         $_SESSION['b'] = &$_SESSION['a']; $_SESSION['c'] = &$_SESSION['a']['id']; $object->self = $object;
         $_SESSION['last'] = 3;",
        &[
            ("a.id", Some("2")),
            ("b.id", None),
            ("c", None),
            ("o.id", Some("1")),
            ("p.id", None),
            ("o.self.id", None),
            ("last", Some("3")),
        ],
    );
}

#[test]
fn a_closure_never_comes_into_a_payload() {
    for (handler, _) in HANDLERS {
        let script = "$_SESSION = ['f' => function () {}]; try { session_encode(); } catch (Exception $e) { pass($e->getMessage()); } $_SESSION = [];";
        let message = passed(handler, script).pop().unwrap();
        assert!(String::from_utf8_lossy(&message).contains("'Closure' is not allowed"));
    }
}

#[test]
fn what_lies_deeper_than_php_reads_is_not_read() {
    let nested = |depth: usize| {
        format!("$v = 1; for ($i = 0; $i < {depth}; $i++) $v = [$v]; $_SESSION = ['a' => 1, 'deep' => $v, 'z' => 2];")
    };
    // Below the limit of what PHP itself reads, on it, and far above.
    for (depth, last) in [(4000, Some("2")), (5000, None), (100_000, None)] {
        for (format, payload) in encoded(&nested(depth)) {
            assert!(payload.len() > depth * 10);
            assert_eq!(text(&payload, format, "a").as_deref(), Some("1"));
            assert_eq!(text(&payload, format, "z").as_deref(), last, "{format:?} {depth}");
            let mut other = payload.clone();
            *other.iter_mut().find(|byte| **byte == b'1').unwrap() = b'3';
            assert_eq!(
                same_but_for(&payload, &other, format, &[Path::parse("a").unwrap()]),
                last.is_some() && format != Format::PhpSerialize
            );
        }
    }
}

#[test]
fn php_reads_the_rarer_forms_the_same_way() {
    for (handler, payload) in [
        ("php", &b"!a|i:4;a|i:5;"[..]),
        ("php", br#"a|S:3:"\61b\7a";"#),
        ("php", b"a|d:.5;"),
        ("php", b"a|i:-7;"),
        ("php_binary", b"\x81ai:4;"),
        ("php_serialize", br#"a:1:{S:1:"\61";b:1;}"#),
    ] {
        let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let script = format!(
            "error_reporting(0); session_decode(hex2bin('{hex}')) || exit(2);
             pass(var_export($_SESSION['a'], true) === 'true' ? '1' : (string)$_SESSION['a']);"
        );
        let read = passed(handler, &script).pop().unwrap();
        let found = text(payload, Format::from_name(handler).unwrap(), "a").unwrap();
        let same = found.as_bytes() == read || found.parse::<f64>().ok() == String::from_utf8_lossy(&read).parse().ok();
        assert!(same, "{}: {found} {}", payload.escape_ascii(), read.escape_ascii());
    }
}

#[test]
fn a_page_view_of_each_application_changes_only_what_is_volatile() {
    let paths: Vec<_> = VOLATILE_KEYS.split(',').map(|path| Path::parse(path).unwrap()).collect();
    let applications = [
        // ProcessWire with SessionHandlerDB.
        "$_SESSION['Session'] = ['_user' => ['id' => 41, 'ts' => TIME, 'fingerprint' => 'f'],
             'SessionHandlerDB' => ['ts' => TIME], 'own' => OWN];",
        // Symfony: attributes and the bag of metadata, each a reference as its storage makes them.
        "$attributes = ['user' => OWN]; $meta = ['u' => TIME, 'c' => 1, 'l' => 0];
         $_SESSION['_sf2_attributes'] = &$attributes; $_SESSION['_sf2_meta'] = &$meta;",
    ];
    for application in applications {
        let session = |time: &str, own: &str| encoded(&application.replace("TIME", time).replace("OWN", own));
        let before = session("1700000000", "'x'");
        for ((format, old), (_, later)) in before.iter().zip(session("1700000100", "'x'")) {
            assert!(*old != later && same_but_for(old, &later, *format, &paths), "{format:?}");
        }
        for ((format, old), (_, later)) in before.iter().zip(session("1700000100", "'y'")) {
            assert!(!same_but_for(old, &later, *format, &paths), "{format:?}");
        }
    }
}

#[test]
fn a_second_name_of_a_volatile_value_is_a_change() {
    let path = [Path::parse("a.ts").unwrap()];
    // What else there is moves the number by which the reference goes.
    for before in ["", "$_SESSION['x'] = ['y' => 1, 'z' => [1, 2.5, null, $o = new stdClass, $o]];"] {
        let session = |ts: u32, aliased: &str| {
            encoded(&format!(
                "{before} $_SESSION['a'] = ['id' => 1, 'ts' => {ts}]; $_SESSION['c'] = 5;
                 $_SESSION['b'] = &$_SESSION{aliased}; $_SESSION['last'] = 1;"
            ))
        };
        for (aliased, same) in [("['a']['ts']", false), ("['a']['id']", true), ("['c']", true)] {
            for ((format, old), (_, new)) in session(1, aliased).iter().zip(session(2, aliased)) {
                assert!(old.windows(2).any(|pair| pair == b"R:"), "a reference");
                assert_eq!(same_but_for(old, &new, *format, &path), same, "{format:?} {aliased} {before}");
            }
        }
    }
}
