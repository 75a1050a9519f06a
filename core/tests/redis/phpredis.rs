//! Side by side with phpredis, the real one: sessions and locks.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustdb_core::error::ErrorKind;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Backend, ByUser, Change, Committed, Found, Store, Whose};
use rustdb_core::visitor::{User, Visitor};

use crate::contract_support::{id, in_an_hour, lease, read, write};
use crate::server::{Server, machine, open, until};

const LOCK: &str = "PHPREDIS_SESSION:a_LOCK";

/// Raises `n` in the session, and keeps it until a line comes.
const COUNTER: &str = r#"
session_id('a');
session_start() || exit(1);
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
echo $_SESSION['n'], "\n";
fgets(STDIN);
session_write_close();
"#;

/// The PHP that php-config stands for, or the one in PATH.
pub fn php() -> String {
    let config = std::env::var("PHP_CONFIG").unwrap_or_else(|_| "php-config".to_owned());
    let asked = Command::new(config).arg("--php-binary").output();
    let binary = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if binary.is_empty() { "php".to_owned() } else { binary }
}

/// A PHP that keeps its sessions by phpredis, with locking.
struct Php {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Drop for Php {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Php {
    fn start(server: &Server, settings: &[&str]) -> Php {
        let mut process = Command::new(php())
            .args(["-d", "session.save_handler=redis", "-d", "session.serialize_handler=php"])
            .args(["-d", &format!("session.save_path=tcp://127.0.0.1:{}", server.port())])
            .args(["-d", "session.use_cookies=0", "-d", "session.cache_limiter=", "-d", "session.use_strict_mode=0"])
            .args(["-d", "redis.session.locking_enabled=1", "-d", "redis.session.lock_retries=-1"])
            .args(settings.iter().flat_map(|setting| ["-d", setting]))
            .args(["-r", &format!("extension_loaded('redis') || exit(7);{COUNTER}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run php: {error}; install the packages php-cli and php-redis"));
        let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Php { process, input, output }
    }

    /// What it counted to, as soon as it has the session.
    fn count(&mut self) -> u32 {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        if line.is_empty() {
            let status = self.process.wait().unwrap();
            assert_ne!(status.code(), Some(7), "PHP has no extension redis; install the package php-redis");
            panic!("php ended: {status}");
        }
        line.trim().parse().unwrap_or_else(|_| panic!("php said {line}"))
    }

    /// Lets it write and end.
    fn finish(mut self) {
        self.input.write_all(b"\n").unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

#[test]
fn sessions_go_both_ways() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    write(&store, "a", b"n|i:41;", in_an_hour());
    let mut php = Php::start(&server, &["session.gc_maxlifetime=600"]);
    assert_eq!(php.count(), 42);
    let before = now();
    php.finish();
    let begun = store.begin(id("a"), Access::Exclusive, None).unwrap();
    let Found::Record(record) = begun.found else { panic!("it is there") };
    assert_eq!(&*record.payload, b"n|i:42;");
    assert!((Expiry(before + 599)..=Expiry(now() + 600)).contains(&record.expires), "{:?}", record.expires);
    let record = Record::new(b"n|i:99;".as_slice(), in_an_hour());
    assert_eq!(store.commit(id("a"), Change::Write(&record), begun.lease).unwrap(), Committed::Done);
    let mut php = Php::start(&server, &[]);
    assert_eq!(php.count(), 100);
    php.finish();
    let held = lease(&store, "a");
    assert_eq!(store.commit(id("a"), Change::Destroy, held).unwrap(), Committed::Done);
    let mut php = Php::start(&server, &[]);
    assert_eq!(php.count(), 1);
}

#[test]
fn rustdb_waits_for_phpredis() {
    let server = Server::start(&[]);
    let (patient, hasty) = (machine(&server.url()), open(&server.url(), true, Duration::from_millis(200)));
    let mut php = Php::start(&server, &["redis.session.lock_expire=60"]);
    assert_eq!(php.count(), 1);
    let error = hasty.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let begun = patient.begin(id("a"), Access::Exclusive, None).unwrap();
            let Found::Record(record) = begun.found else { panic!("phpredis has written it") };
            assert_eq!(&*record.payload, b"n|i:1;");
            begun.lease
        });
        until("it waits", || server.keys().contains(&"PHPREDIS_SESSION:a_WAIT".to_owned()));
        php.finish();
        let held = waiting.join().unwrap();
        assert_eq!(patient.commit(id("a"), Change::None, held).unwrap(), Committed::Done);
    });
}

#[test]
fn phpredis_waits_for_rustdb() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    write(&store, "a", b"n|i:1;", in_an_hour());
    let held = lease(&store, "a");
    let before = server.calls("set");
    let mut php = Php::start(&server, &["redis.session.lock_expire=60"]);
    until("phpredis has tried a few times", || store.maintain() && server.calls("set") >= before + 3);
    let record = Record::new(b"n|i:7;".as_slice(), in_an_hour());
    assert_eq!(store.commit(id("a"), Change::Write(&record), held).unwrap(), Committed::Done);
    assert_eq!(php.count(), 8);
    // Now it is phpredis's, whatever we held before.
    assert_eq!(store.commit(id("a"), Change::Write(&record), held).unwrap(), Committed::LeaseLost);
    php.finish();
    assert_eq!(read(&store, "a").as_deref(), Some(b"n|i:8;".as_slice()));
    assert_eq!(server.text(&["GET", LOCK]), None);
}

#[test]
fn a_lock_without_an_end_gets_one_when_somebody_has_waited_in_vain() {
    let server = Server::start(&[]);
    let store = open(&server.url(), true, Duration::from_millis(200));
    // The command line has no max_execution_time, so phpredis gives the lock no life.
    let mut php = Php::start(&server, &[]);
    assert_eq!(php.count(), 1);
    assert_eq!(server.number(&["PTTL", LOCK]), -1);
    assert_eq!(store.begin(id("a"), Access::ExclusiveIfExists, None).unwrap().found, Found::Missing);
    assert_eq!(server.number(&["PTTL", LOCK]), -1);
    let error = store.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    let left = server.number(&["PTTL", LOCK]);
    assert!((1..=30_000).contains(&left), "{left}");
    // It is not prolonged by those who wait later.
    server.tell(&["PEXPIRE", LOCK, "5000"]);
    assert!(store.begin(id("a"), Access::Exclusive, None).is_err());
    assert!(server.number(&["PTTL", LOCK]) <= 5000);
    php.finish();
    assert_eq!(read(&store, "a").as_deref(), Some(b"n|i:1;".as_slice()));
}

#[test]
fn what_phpredis_wrote_is_found_by_its_user_when_rustdb_has_touched_it_and_is_not_disturbed() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    let mut php = Php::start(&server, &[]);
    assert_eq!(php.count(), 1);
    php.finish();
    let is_theirs = |payload: &[u8]| Some(payload.starts_with(b"n|i:"));
    let of_user = || store.of_user(Whose { user: "41", now: now(), limit: 10, is_theirs: &is_theirs }).unwrap();
    assert!(of_user().is_empty());
    let visitor = Visitor::new(&User::Is("41".into()), None, None);
    let held = lease(&store, "a");
    assert_eq!(store.commit(id("a"), Change::Touch(in_an_hour(), &visitor), held).unwrap(), Committed::Done);
    assert_eq!(of_user().len(), 1);
    let mut php = Php::start(&server, &["session.gc_maxlifetime=600"]);
    assert_eq!(php.count(), 2);
    let before = now();
    php.finish();
    let listed = of_user();
    assert!((before + 599..=now() + 600).contains(&listed[0].expires.0), "as phpredis left it: {listed:?}");
    assert_eq!(listed[0].visitor, visitor);
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:_USER_41", "PHPREDIS_SESSION:a"]);
    // As phpredis destroys it.
    server.tell(&["DEL", "PHPREDIS_SESSION:a"]);
    assert!(of_user().is_empty());
    assert!(server.keys().is_empty());
}
