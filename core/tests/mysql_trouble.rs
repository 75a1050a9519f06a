//! What the MySQL store says when things are wrong, that it says it in time, and what it costs when they are right.

mod contract_support;
mod mysql_support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use contract_support::{id, in_an_hour, read, write};
use mysql::prelude::Queryable;
use mysql_support::proxy::Proxy;
use mysql_support::{
    ENCODED_PASSWORD, Mariadb, PASSWORD, begin, commit, machine, machine_that_waits, numbers, payload, url,
};
use rustdb_core::backend::mysql::{DDL, Mysql};
use rustdb_core::entry;
use rustdb_core::error::{Error, ErrorKind};
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Access, Backend, Batch, Change, Committed, Store, Sweep};
use rustdb_core::visitor::Visitor;

/// An error is of this kind, says all of this, and not the password.
#[track_caller]
fn tells(error: &Error, kind: ErrorKind, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert!(!text.contains(PASSWORD) && !text.contains(ENCODED_PASSWORD), "{text}");
}

fn failure(store: &Mysql) -> Error {
    store.begin(id("a"), Access::Exclusive, None).unwrap_err()
}

#[test]
fn a_request_takes_one_round_trip_to_begin_and_one_to_commit() {
    let server = Mariadb::shared();
    let proxy = Proxy::to(server.port());
    let store = machine(&url(proxy.port, &server.database(), ""));
    begin(&machine(&url(server.port(), &server.database(), "")), "first");
    write(&store, "warm", b"x", in_an_hour());
    let record = Record::new(vec![b'x'; 20_000], in_an_hour());
    let rounds = [
        ("new", Change::Write(&record)),
        ("modified", Change::Write(&record)),
        ("touched", Change::Touch(Expiry(now() + 99), &Visitor::UNKNOWN)),
        ("unchanged", Change::None),
        ("destroyed", Change::Destroy),
    ];
    for (what, change) in rounds {
        let (to_begin, begun) = proxy.count(|| begin(&store, "a"));
        let (to_commit, committed) = proxy.count(|| commit(&store, "a", change, begun.lease));
        assert_eq!((what, to_begin, to_commit, committed), (what, 1, 1, Committed::Done));
    }
    let (to_begin, begun) = proxy.count(|| store.begin(id("f"), Access::Fresh, None).unwrap());
    let (to_commit, committed) = proxy.count(|| commit(&store, "f", Change::Write(&record), begun.lease));
    assert_eq!((to_begin, to_commit, committed), (0, 1, Committed::Done));
    let (to_create, created) = proxy.count(|| store.create(id("g"), &record).unwrap().unwrap());
    let (to_commit, committed) = proxy.count(|| commit(&store, "g", Change::Destroy, created));
    assert_eq!((to_create, to_commit, committed), (1, 1, Committed::Done));
    let (to_look, begun) = proxy.count(|| store.begin(id("nobody"), Access::ExclusiveIfExists, None).unwrap());
    assert_eq!((to_look, begun.lease.token), (1, 0));
    let (to_read, _) = proxy.count(|| read(&store, "f"));
    assert_eq!(to_read, 1);
}

#[test]
fn a_batch_that_fits_one_packet_takes_one_round_trip() {
    let server = Mariadb::shared();
    let proxy = Proxy::to(server.port());
    let store = machine(&url(proxy.port, &server.database(), ""));
    write(&store, "warm", b"x", in_an_hour());
    let names: Vec<String> = (0..500).map(|number| format!("s{number}")).collect();
    let record = Record::new(vec![b'x'; 500], in_an_hour());
    let mut changes = Vec::new();
    for name in &names {
        let mut encoded = vec![0; entry::HEADER + 500];
        entry::encode_session(id(name), &record, &mut encoded);
        changes.push((id(name), encoded));
    }
    let mut changes = changes.iter().map(|(id, entry)| (*id, entry.as_slice()));
    let (round_trips, applied) = proxy.count(|| store.apply(&mut changes));
    applied.unwrap();
    assert_eq!(round_trips, 1);
}

#[test]
fn a_server_that_hangs_costs_its_time_once_and_is_used_again() {
    let server = Mariadb::start(&[]);
    let database = server.database();
    let url = url(server.port(), &database, "&timeout=0.5&connect_timeout=0.5");
    let (used, unused) = (machine(&url), machine(&url));
    write(&used, "a", b"data", in_an_hour());
    server.freeze();
    let begun = Instant::now();
    tells(&failure(&used), ErrorKind::Unreachable, &["mysql://tester@127.0.0.1", "0.5 seconds"]);
    tells(&failure(&unused), ErrorKind::Unreachable, &["mysql://tester@127.0.0.1", "0.5 seconds"]);
    let both = begun.elapsed();
    let begun = Instant::now();
    tells(&failure(&used), ErrorKind::Unreachable, &["0.5 seconds"]);
    let again = begun.elapsed();
    server.thaw();
    assert!(both < Duration::from_secs(5), "{both:?}");
    assert!(again < Duration::from_millis(400), "{again:?}: who comes next does not wait again");
    mysql_support::wait_until("it is used again", || used.begin(id("b"), Access::Exclusive, None).is_ok());
    assert_eq!(read(&used, "a").as_deref(), Some(b"data".as_slice()));
}

/// Lets one client in, and sends `answer` to what it asks then.
fn answer_once(listener: &TcpListener, answer: &[u8]) {
    let packet = |number: u8, body: &[u8]| [&[body.len() as u8, 0, 0, number][..], body].concat();
    let (mut client, _) = listener.accept().unwrap();
    // Protocol 10 with what a client needs to ask for several statements ("Initial Handshake Packet").
    let mut greeting = b"\x0a8.0.0\0\x01\0\0\0saltsalt\0\x0b\xa2\x21\x02\0\x1f\0\x15\0\0\0\0\0\0\0\0\0\0".to_vec();
    greeting.extend_from_slice(b"saltsaltsalt\0mysql_native_password\0");
    let mut buffer = [0; 4096];
    client.write_all(&packet(0, &greeting)).unwrap();
    assert!(client.read(&mut buffer).unwrap() > 4);
    client.write_all(&packet(2, &[0, 0, 0, 2, 0, 0, 0])).unwrap();
    assert!(client.read(&mut buffer).unwrap() > 4);
    client.write_all(answer).unwrap();
    // Until the client has had enough of it.
    while let Ok(1..) = client.read(&mut buffer) {}
}

#[test]
fn what_is_no_answer_to_all_statements_is_an_error_and_not_waited_for() {
    let answers: [&[u8]; 5] = [
        // One result, and no more.
        &[7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0],
        // Nothing in a packet.
        &[0, 0, 0, 1],
        // A file is asked for.
        &[7, 0, 0, 1, 0xfb, b'/', b'e', b't', b'c', b'/', b'p'],
        // The answer to something else.
        &[7, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0],
        // A row whose field is longer than its packet, by far.
        b"\x01\0\0\x01\x01\x03\0\0\x02def\x05\0\0\x03\xfe\0\0\x02\0\x09\0\0\x04\xfe\xff\xff\xff\xff\xff\xff\xff\x7f",
    ];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = machine(&url(listener.local_addr().unwrap().port(), "t", "&timeout=30"));
        let server = std::thread::spawn(move || answer_once(&listener, answer));
        let begun = Instant::now();
        tells(&failure(&store), ErrorKind::Unreachable, &["127.0.0.1", "answers"]);
        assert!(begun.elapsed() < Duration::from_secs(10));
        server.join().unwrap();
    }
}

#[test]
fn a_hanging_server_behind_a_unix_socket_with_a_full_queue_holds_nobody_up() {
    let server = Mariadb::start(&["--back-log=3"]);
    let options = format!("&timeout=0.3&connect_timeout=0.3&socket={}", server.socket());
    let store = machine(&url(1, &server.database(), &options));
    write(&store, "a", b"data", in_an_hour());
    server.freeze();
    tells(&failure(&store), ErrorKind::Unreachable, &["0.3 seconds"]);
    let address = socket2::SockAddr::unix(server.socket()).unwrap();
    let mut queue = Vec::new();
    loop {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        if socket.connect(&address).is_err() {
            break;
        }
        queue.push(socket);
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let asking = std::thread::spawn(move || {
        // Longer than everybody fails without trying.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1500) {
            tells(&failure(&store), ErrorKind::Unreachable, &[]);
        }
        sender.send(()).unwrap();
    });
    let answered = receiver.recv_timeout(Duration::from_secs(20));
    server.thaw();
    answered.expect("it waits for room in the queue");
    asking.join().unwrap();
}

#[test]
fn a_large_session_that_a_hanging_server_does_not_take_is_given_up_in_time() {
    let server = Mariadb::start(&[]);
    let database = server.database();
    let store = machine(&url(server.port(), &database, "&timeout=3"));
    let held = begin(&store, "a");
    // More than the buffers of the sockets take.
    let large = Record::new(vec![7; 10 << 20], in_an_hour());
    server.freeze();
    let begun = Instant::now();
    let error = store.commit(id("a"), Change::Write(&large), held.lease).unwrap_err();
    let took = begun.elapsed();
    server.thaw();
    tells(&error, ErrorKind::Unreachable, &["3 seconds"]);
    // Above the limit, so that a busy machine decides nothing, and below twice the limit.
    assert!(took < Duration::from_millis(5500), "{took:?}");
    mysql_support::wait_until("it is used again", || store.begin(id("a"), Access::Exclusive, None).is_ok());
}

#[test]
fn a_commit_that_hangs_ends_in_time() {
    let server = Mariadb::shared();
    let database = server.database();
    let proxy = Proxy::to(server.port());
    let store = machine(&url(proxy.port, &database, "&timeout=0.5&connect_timeout=0.5"));
    write(&store, "a", b"data", in_an_hour());
    let held = begin(&store, "a");
    proxy.fall_silent();
    let begun = Instant::now();
    let error = store.commit(id("a"), Change::Destroy, held.lease).unwrap_err();
    tells(&error, ErrorKind::Unreachable, &["did not answer within 0.5 seconds"]);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_row_locked_by_another_program_is_waited_for_within_limits() {
    let server = Mariadb::shared();
    let database = server.database();
    let store = machine(&url(server.port(), &database, "&timeout=2"));
    write(&store, "a", b"data", in_an_hour());
    let mut root = server.root();
    root.query_drop(format!("BEGIN; UPDATE {database}.sessions SET created=1")).unwrap();
    let held = begin(&store, "a");
    let begun = Instant::now();
    let error = store.commit(id("a"), Change::Destroy, held.lease).unwrap_err();
    tells(&error, ErrorKind::Refused, &["locks"]);
    assert!(begun.elapsed() < Duration::from_secs(20));
    root.query_drop("ROLLBACK").unwrap();
    // The lease went with the failure.
    let other = machine(&url(server.port(), &database, ""));
    assert_eq!(payload(begin(&other, "a").found).as_deref(), Some(b"data".as_slice()));
}

#[test]
fn who_may_not_make_the_table_is_told_the_statement() {
    let server = Mariadb::shared();
    let database = server.database();
    let mut root = server.root();
    root.query_drop(format!("CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'")).unwrap();
    root.query_drop(format!("GRANT SELECT,INSERT,UPDATE ON {database}.* TO reader@'%'")).unwrap();
    let url = url(server.port(), &database, "").replace("tester", "reader").replace("table=sessions", "table=web");
    let error = failure(&machine(&url));
    tells(&error, ErrorKind::Refused, &[&DDL.replace("`sessions`", "`web`"), "run in the database"]);
    // With the table there it lacks another right, and says which.
    root.query_drop(format!("USE {database}")).unwrap();
    root.query_drop(DDL.replace("`sessions`", "`web`")).unwrap();
    let store = machine(&url);
    write(&store, "new", b"x", in_an_hour());
    let held = begin(&store, "new");
    let error = store.commit(id("new"), Change::Destroy, held.lease).unwrap_err();
    tells(&error, ErrorKind::Refused, &["DELETE", "lacks a right"]);
}

#[test]
fn a_table_that_is_not_ours_is_left_alone() {
    let server = Mariadb::shared();
    let database = server.database();
    let foreign = "(sid char(32) PRIMARY KEY, blob_data mediumblob)";
    server.root().query_drop(format!("CREATE TABLE {database}.sessions {foreign}")).unwrap();
    let error = failure(&machine(&url(server.port(), &database, "")));
    let parts = ["sid char(32), blob_data mediumblob", "expires bigint", "payload longtext", "table="];
    tells(&error, ErrorKind::Refused, &parts);
}

#[test]
fn logins_that_fail_say_why() {
    let server = Mariadb::shared();
    let database = server.database();
    let good = url(server.port(), &database, "");
    let wrong_password = machine(&good.replace(ENCODED_PASSWORD, &format!("{ENCODED_PASSWORD}x")));
    tells(&failure(&wrong_password), ErrorKind::Refused, &["does not let the user in", "check user and password"]);
    tells(&failure(&machine(&good.replace(&database, "mysql"))), ErrorKind::Refused, &["does not let the user in"]);
    let no_database = machine(&good.replace(&database, "t_nobody"));
    tells(&failure(&no_database), ErrorKind::Refused, &["no such database", "create it"]);
    let refused = format!("mysql://tester:{ENCODED_PASSWORD}@127.0.0.1:1/{database}");
    tells(&failure(&machine(&refused)), ErrorKind::Unreachable, &["cannot connect", "127.0.0.1:1"]);
    let nowhere = format!("mysql://tester:{ENCODED_PASSWORD}@no-such-host.invalid/{database}");
    tells(&failure(&machine(&nowhere)), ErrorKind::Unreachable, &["cannot connect", "no-such-host.invalid"]);
}

#[test]
fn a_server_is_found_under_a_name_with_several_addresses_and_by_its_socket() {
    let server = Mariadb::shared();
    let database = server.database();
    let by_name = url(server.port(), &database, "").replace("127.0.0.1", "localhost");
    write(&machine(&by_name), "a", b"data", in_an_hour());
    let by_socket = url(1, &database, &format!("&socket={}", server.socket()));
    assert_eq!(read(&machine(&by_socket), "a").as_deref(), Some(b"data".as_slice()));
}

#[test]
fn a_read_only_server_is_told_as_such() {
    let server = Mariadb::start(&[]);
    let store = machine(&url(server.port(), &server.database(), ""));
    write(&store, "a", b"data", in_an_hour());
    server.root().query_drop("SET GLOBAL read_only=1").unwrap();
    let held = begin(&store, "a");
    let error = store.commit(id("a"), Change::Destroy, held.lease).unwrap_err();
    tells(&error, ErrorKind::Refused, &["is read-only", "primary"]);
    assert_eq!(read(&store, "a").as_deref(), Some(b"data".as_slice()));
}

#[test]
fn what_cannot_be_read_is_an_error_and_stays() {
    let server = Mariadb::shared();
    let database = server.database();
    let url = url(server.port(), &database, "");
    let store = machine(&url);
    write(&store, "a", b"data", in_an_hour());
    server.root().query_drop(format!("UPDATE {database}.sessions SET payload='a|s:1:\"x\";'")).unwrap();
    for access in [Access::Exclusive, Access::ReadOnly] {
        let error = store.begin(id("a"), access, None).unwrap_err();
        tells(&error, ErrorKind::Damaged, &["is not base64", "nothing was changed"]);
        assert!(!error.to_string().contains("s:1"));
    }
    let stored: Option<String> = server.root().query_first(format!("SELECT payload FROM {database}.sessions")).unwrap();
    assert_eq!(stored.as_deref(), Some("a|s:1:\"x\";"));
    // Nobody holds it.
    let other = machine_that_waits(&url, Duration::from_secs(1));
    tells(&failure(&other), ErrorKind::Damaged, &[]);
}

#[test]
fn a_session_that_does_not_fit_is_refused_and_the_last_one_stays() {
    let server = Mariadb::start(&["--max-allowed-packet=1M"]);
    let database = server.database();
    let url = url(server.port(), &database, "");
    let store = machine(&url);
    write(&store, "a", b"good", in_an_hour());
    let large = Record::new(vec![7; 1 << 20], in_an_hour());
    let held = begin(&store, "a");
    let error = store.commit(id("a"), Change::Write(&large), held.lease).unwrap_err();
    tells(&error, ErrorKind::Refused, &["1048576 bytes", "max_allowed_packet"]);
    assert_eq!(payload(begin(&machine(&url), "a").found).as_deref(), Some(b"good".as_slice()));
    // In a batch it does not keep the others from being stored.
    let mut encoded = vec![0; entry::HEADER + large.payload.len()];
    entry::encode_session(id("large"), &large, &mut encoded);
    let mut small = vec![0; entry::HEADER + 1];
    entry::encode_session(id("small"), &Record::new(b"x".as_slice(), in_an_hour()), &mut small);
    store.apply(&mut [(id("large"), &*encoded), (id("small"), &*small)].into_iter()).unwrap();
    assert_eq!(read(&store, "small").as_deref(), Some(b"x".as_slice()));
    tells(&store.notices().take()[0], ErrorKind::Refused, &["1048576 bytes"]);
    // A narrower column than ours.
    let narrow = "MODIFY payload text CHARACTER SET ascii NOT NULL";
    server.root().query_drop(format!("ALTER TABLE {database}.sessions {narrow}")).unwrap();
    let store = machine(&url);
    let held = begin(&store, "small");
    let large = Record::new(vec![7; 60_000], in_an_hour());
    let error = store.commit(id("small"), Change::Write(&large), held.lease).unwrap_err();
    tells(&error, ErrorKind::Refused, &["60000 bytes", "column payload", "longtext"]);
    assert_eq!(read(&store, "small").as_deref(), Some(b"x".as_slice()));
}

#[test]
fn a_sweep_needs_little_room_in_a_packet() {
    let server = Mariadb::start(&["--max-allowed-packet=16K"]);
    let database = server.database();
    let store = machine(&url(server.port(), &database, ""));
    begin(&store, "first");
    let many = format!("SELECT CONCAT(REPEAT('s',250),seq),'',2,0 FROM {}", numbers(300));
    let sql = format!("INSERT INTO {database}.sessions (id,payload,expires,created) {many}");
    let mut root = server.root();
    root.query_drop(format!("USE {database}")).unwrap();
    root.query_drop(sql).unwrap();
    let mut collected = 0;
    loop {
        let swept = store.sweep(now(), 1000, 0, &mut |_| true).unwrap();
        collected += swept.collected;
        if !swept.more {
            break;
        }
    }
    assert_eq!(collected, 300);
}

/// Runs openssl in `directory`.
fn openssl(directory: &std::path::Path, arguments: &str) {
    let output = Command::new("openssl").current_dir(directory).args(arguments.split(' ')).output();
    let output = output.expect("openssl is missing; install the package openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn tls_checks_the_server_and_shows_a_certificate() {
    let place = tempfile::Builder::new().prefix("rustdb-mysql-tls-").tempdir().unwrap();
    let at = place.path();
    openssl(at, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=rustdb-test-ca");
    std::fs::write(at.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    for who in ["server", "client"] {
        openssl(at, &format!("req -newkey rsa:2048 -nodes -keyout {who}.key -out {who}.csr -subj /CN={who}"));
        let by = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names";
        openssl(at, &format!("x509 -req -in {who}.csr {by} -out {who}.pem"));
    }
    let file = |name: &str| at.join(name).display().to_string();
    let server = Mariadb::start(&[
        &format!("--ssl-ca={}", file("ca.pem")),
        &format!("--ssl-cert={}", file("server.pem")),
        &format!("--ssl-key={}", file("server.key")),
    ]);
    let database = server.database();
    server.root().query_drop("ALTER USER tester@'%' REQUIRE X509").unwrap();
    let with = |options: &str| url(server.port(), &database, options);
    let client = format!("&cert={}&key={}", file("client.pem"), file("client.key"));
    let good = with(&format!("&tls=1&ca={}{client}", file("ca.pem")));
    write(&machine(&good), "a", b"data", in_an_hour());
    write(&machine(&good.replace("127.0.0.1", "localhost")), "b", b"data", in_an_hour());
    write(&machine(&with(&format!("&tls=1&verify=0{client}"))), "c", b"data", in_an_hour());
    // A statement that fails behind another one of its packet.
    let (store, record) = (machine(&good), Record::new(b"created".as_slice(), in_an_hour()));
    assert_eq!(store.create(id("a"), &record).unwrap(), None);
    let held = store.create(id("d"), &record).unwrap().unwrap();
    assert_eq!(commit(&store, "d", Change::Destroy, held), Committed::Done);
    assert_eq!(read(&store, "a").as_deref(), Some(b"data".as_slice()));
    // Not encrypted, without a certificate, and with one of an authority that nobody named.
    tells(&failure(&machine(&with(""))), ErrorKind::Refused, &["does not let the user in"]);
    let without = machine(&with(&format!("&tls=1&ca={}", file("ca.pem"))));
    tells(&failure(&without), ErrorKind::Refused, &["does not let the user in"]);
    tells(&failure(&machine(&with(&format!("&tls=1{client}")))), ErrorKind::Refused, &["no TLS connection", "ca="]);
}
