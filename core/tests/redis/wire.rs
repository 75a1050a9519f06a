//! What goes over the wire: round trips, answers that are lost, connections that break.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustdb_core::error::ErrorKind;
use rustdb_core::record::Record;
use rustdb_core::store::{Access, Backend, Change, Committed, Found, Store};
use rustdb_core::visitor::{User, Visitor};

use crate::contract_support::{id, in_an_hour, lease, of_user, read, write, write_of};
use crate::proxy::Proxy;
use crate::server::{Server, failure, machine, until, write_as};

/// Bytes of a payload that goes past the scripts.
const LARGE: usize = 100_000;

#[test]
fn every_call_is_one_round_trip() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port());
    let store = machine(&proxy.url());
    // The first use of a script sends its text after it.
    write(&store, "first", b"x", in_an_hour());
    assert_eq!(proxy.round_trips(), 4);
    let mut before = proxy.round_trips();
    let mut counted = |what: &str| {
        let now = proxy.round_trips();
        println!("{what}: {}", now - before);
        now - std::mem::replace(&mut before, now)
    };
    let fresh = store.begin(id("a"), Access::Fresh, None).unwrap().lease;
    assert_eq!(counted("begin of a new id"), 0);
    assert_eq!(write_as(&store, "a", &[b'x'; LARGE], fresh), Committed::Done);
    assert_eq!(counted("its first commit"), 1);
    let held = lease(&store, "a");
    assert_eq!(counted("begin"), 1);
    assert_eq!(write_as(&store, "a", &[b'y'; LARGE], held), Committed::Done);
    assert_eq!(counted("commit of a large modified session"), 1);
    let held = lease(&store, "a");
    assert_eq!(counted("begin"), 1);
    assert_eq!(write_as(&store, "a", b"2", held), Committed::Done);
    assert_eq!(counted("commit of a modified session"), 1);
    let held = lease(&store, "a");
    store.commit(id("a"), Change::Touch(in_an_hour(), &Visitor::UNKNOWN), held).unwrap();
    assert_eq!(counted("begin and commit of a touched session"), 2);
    let held = lease(&store, "a");
    store.commit(id("a"), Change::None, held).unwrap();
    assert_eq!(counted("begin and commit of an unchanged session"), 2);
    let held = lease(&store, "a");
    store.commit(id("a"), Change::Destroy, held).unwrap();
    assert_eq!(counted("begin and destroy"), 2);
    let record = Record::new(b"3".as_slice(), in_an_hour());
    // The first use of this script.
    let held = store.create(id("b"), &record).unwrap().unwrap();
    assert_eq!(counted("a session created with its lease"), 2);
    store.commit(id("b"), Change::Destroy, held).unwrap();
    let held = store.create(id("c"), &record).unwrap().unwrap();
    store.commit(id("c"), Change::Destroy, held).unwrap();
    assert_eq!(counted("the destroy, and another with its destroy"), 3);
    let user = User::Is("41".into());
    write_of(&store, "u", &user, in_an_hour());
    assert_eq!(counted("begin and commit of a user's session, and the first use of the script beside it"), 3);
    write_of(&store, "u", &user, in_an_hour());
    assert_eq!(counted("begin and commit of a user's session"), 2);
    let held = lease(&store, "u");
    let visitor = Visitor::new(&user, None, None);
    store.commit(id("u"), Change::Touch(in_an_hour(), &visitor), held).unwrap();
    assert_eq!(counted("begin and commit of a user's touched session"), 2);
    let held = store.create(id("v"), &Record { visitor, ..record.clone() }).unwrap().unwrap();
    assert_eq!(counted("a user's session created with its lease"), 1);
    store.commit(id("v"), Change::None, held).unwrap();
    of_user(&store, "41");
    counted("its end, and the first use of the scripts that list and forget");
    assert_eq!(of_user(&store, "41"), ["u"]);
    assert_eq!(counted("a list of sessions"), 2);
    store.begin(id("a"), Access::ExclusiveIfExists, None).unwrap();
    assert_eq!(counted("an unknown id in strict mode"), 1);
    read(&store, "a");
    assert_eq!(counted("a reader"), 1);
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn saying_who_we_are_is_one_round_trip_more() {
    let server = Server::start(&["--requirepass", "s:e/c r%t"]);
    let proxy = Proxy::before(server.port());
    let url = proxy.url().replace("redis://", "redis://:s%3Ae%2Fc%20r%25t@") + "/5";
    let store = machine(&url);
    write(&store, "a", b"x", in_an_hour());
    write(&store, "a", b"y", in_an_hour());
    // Two scripts are new to the server.
    assert_eq!(proxy.round_trips(), 1 + 2 + 2 + 2);
}

#[test]
fn an_answer_that_is_lost_costs_nothing() {
    for size in [1, LARGE] {
        lose_answers(&vec![b'1'; size]);
    }
}

fn lose_answers(payload: &[u8]) {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port());
    let store = machine(&proxy.url());
    write(&store, "a", b"0", in_an_hour());
    // The server has done it, and nobody was told.
    proxy.lose_an_answer();
    let held = lease(&store, "a");
    assert!(proxy.has_lost());
    proxy.lose_an_answer();
    assert_eq!(write_as(&store, "a", payload, held), Committed::Done);
    let held = lease(&store, "a");
    proxy.lose_an_answer();
    assert_eq!(store.commit(id("a"), Change::Touch(in_an_hour(), &Visitor::UNKNOWN), held).unwrap(), Committed::Done);
    let held = lease(&store, "a");
    proxy.lose_an_answer();
    assert_eq!(store.commit(id("a"), Change::None, held).unwrap(), Committed::Done);
    assert_eq!(read(&store, "a").as_deref(), Some(payload));
    let held = lease(&store, "a");
    proxy.lose_an_answer();
    assert_eq!(store.commit(id("a"), Change::Destroy, held).unwrap(), Committed::Done);
    let fresh = store.begin(id("b"), Access::Fresh, None).unwrap().lease;
    proxy.lose_an_answer();
    assert_eq!(write_as(&store, "b", payload, fresh), Committed::Done);
    assert!(proxy.has_lost());
    let fresh = store.begin(id("b"), Access::Fresh, None).unwrap().lease;
    assert_eq!(write_as(&store, "b", payload, fresh), Committed::Collision, "the same content is no excuse");
    let record = Record::new(payload, in_an_hour());
    assert_eq!(store.create(id("b"), &record).unwrap(), None, "here neither");
    proxy.lose_an_answer();
    let held = store.create(id("c"), &record).unwrap().unwrap();
    assert!(proxy.has_lost());
    assert_eq!(
        server.keys(),
        ["PHPREDIS_SESSION:a_GONE", "PHPREDIS_SESSION:b", "PHPREDIS_SESSION:c", "PHPREDIS_SESSION:c_LOCK"]
    );
    assert_eq!(write_as(&store, "c", b"newer", held), Committed::Done);
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:a_GONE", "PHPREDIS_SESSION:b", "PHPREDIS_SESSION:c"]);
    assert!(!store.maintain());
}

#[test]
fn whether_a_lost_answer_was_yes_is_not_guessed() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port());
    let store = machine(&proxy.url());
    write(&store, "a", b"0", in_an_hour());
    let held = lease(&store, "a");
    server.tell(&["DEL", "PHPREDIS_SESSION:a_LOCK"]);
    server.tell(&["SET", "PHPREDIS_SESSION:a", "theirs", "EX", "100"]);
    proxy.lose_an_answer();
    let record = Record::new(b"1".as_slice(), in_an_hour());
    let error = store.commit(id("a"), Change::Write(&record), held).unwrap_err();
    assert!(error.to_string().contains("not known"), "{error}");
    assert_eq!(read(&store, "a").as_deref(), Some(b"theirs".as_slice()));
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:a"]);
}

#[test]
fn an_answer_that_is_lost_while_others_wait_is_still_a_success() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port());
    let (one, two) = (machine(&proxy.url()), machine(&server.url()));
    write(&one, "a", b"0", in_an_hour());
    let small = Record::new(b"1".as_slice(), in_an_hour());
    let large = Record::new(vec![b'1'; LARGE], in_an_hour());
    for (change, payload) in [
        (Change::Write(&large), &large.payload),
        (Change::Write(&small), &small.payload),
        (Change::None, &small.payload),
    ] {
        let held = lease(&one, "a");
        std::thread::scope(|scope| {
            // It has the lease before the first machine can ask again.
            let waiting = scope.spawn(|| lease(&two, "a"));
            until("it waits", || one.maintain() && server.has_sleepers());
            proxy.lose_an_answer();
            assert_eq!(one.commit(id("a"), change, held).unwrap(), Committed::Done, "{change:?}");
            let other = waiting.join().unwrap();
            assert_eq!(two.commit(id("a"), Change::None, other).unwrap(), Committed::Done);
        });
        assert_eq!(read(&two, "a").as_deref(), Some(&**payload));
    }
}

#[test]
fn machines_on_a_bad_line_lose_nothing_that_was_acknowledged() {
    const EACH: usize = 300;
    let server = Server::start(&[]);
    let (mut acknowledged, mut unknown) = (0, 0);
    std::thread::scope(|scope| {
        let machines: Vec<_> = (0..2)
            .map(|_| {
                let proxy = Proxy::before(server.port());
                scope.spawn(move || {
                    let store = machine(&proxy.url());
                    let (mut acknowledged, mut unknown) = (0, 0);
                    for number in 0..EACH {
                        if number % 7 == 0 {
                            proxy.lose_an_answer();
                        }
                        let Ok(begun) = store.begin(id("a"), Access::Exclusive, None) else { continue };
                        let count: usize = match begun.found {
                            Found::Record(record) => std::str::from_utf8(&record.payload).unwrap().parse().unwrap(),
                            _ => 0,
                        };
                        if number % 5 == 0 {
                            proxy.lose_an_answer();
                        }
                        let record = Record::new((count + 1).to_string().into_bytes(), in_an_hour());
                        match store.commit(id("a"), Change::Write(&record), begun.lease) {
                            Ok(Committed::Done) => acknowledged += 1,
                            // Carried out, perhaps, and others have written since.
                            Err(_) => unknown += 1,
                            Ok(other) => panic!("{other:?}"),
                        }
                    }
                    (acknowledged, unknown)
                })
            })
            .collect();
        for machine in machines {
            let (done, perhaps) = machine.join().unwrap();
            acknowledged += done;
            unknown += perhaps;
        }
    });
    let total: usize = server.text(&["GET", "PHPREDIS_SESSION:a"]).unwrap().parse().unwrap();
    println!("{acknowledged} acknowledged, {unknown} unknown, {total} there");
    assert!((acknowledged..=acknowledged + unknown).contains(&total), "{acknowledged}, {unknown}: {total}");
    assert!(acknowledged > EACH);
}

#[test]
fn connections_closed_while_idle_are_made_anew() {
    let server = Server::start(&[]);
    let proxy = Proxy::before(server.port());
    let store = machine(&proxy.url());
    write(&store, "a", b"0", in_an_hour());
    server.tell(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert_eq!(read(&store, "a").as_deref(), Some(b"0".as_slice()));
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn nothing_is_sent_on_a_connection_that_the_server_has_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = machine(&format!("redis://{}", listener.local_addr().unwrap()));
    let (closed, was_closed) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let answer = |stream: &mut std::net::TcpStream| {
                assert!(stream.read(&mut [0; 10_000]).unwrap() > 0);
                stream.write_all(b"*1\r\n:0\r\n$-1\r\n").unwrap();
            };
            let mut first = listener.accept().unwrap().0;
            answer(&mut first);
            // It goes on listening, so what the store sends would be seen.
            first.shutdown(Shutdown::Write).unwrap();
            closed.send(()).unwrap();
            answer(&mut listener.accept().unwrap().0);
            assert_eq!(first.read(&mut [0; 10_000]).unwrap(), 0);
        });
        assert_eq!(read(&store, "a"), None);
        was_closed.recv().unwrap();
        assert_eq!(read(&store, "a"), None);
    });
}

#[test]
fn a_session_that_ends_before_it_is_read_is_missing_and_not_locked() {
    let (asked, questions) = std::sync::mpsc::channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        for answer in [b"*3\r\n:1\r\n:-2\r\n:1000\r\n$-1\r\n".as_slice(), b":0\r\n"] {
            let mut question = vec![0; 10_000];
            let length = stream.read(&mut question).unwrap();
            asked.send(question[..length].to_vec()).unwrap();
            stream.write_all(answer).unwrap();
        }
    });
    let begun = machine(&url).begin(id("a"), Access::ExclusiveIfExists, None).unwrap();
    assert_eq!((begun.found, begun.lease.token), (Found::Missing, 0));
    assert!(questions.recv().unwrap().windows(3).any(|word| word == b"GET"));
    assert!(questions.recv().unwrap().windows(4).any(|word| word == b"none"), "the lock is let go");
}

#[test]
fn signals_do_not_break_an_exchange() {
    extern "C" fn nothing(_: libc::c_int) {}
    // Without SA_RESTART, as nobody promises it.
    // SAFETY: the handler does nothing, and the rest of a zeroed sigaction is valid.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    let url = strange_server(|stream| {
        std::thread::sleep(Duration::from_millis(200));
        let _ = stream.write_all(b"*1\r\n:0\r\n$-1\r\n");
    });
    let store = machine(&url.replace("0.4", "10"));
    // SAFETY: the thread runs until the scope is over.
    let this = unsafe { libc::pthread_self() };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                // SAFETY: as above; the handler does nothing.
                unsafe { libc::pthread_kill(this, libc::SIGUSR1) };
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let found = store.begin(id("a"), Access::ReadOnly, None).map(|begun| begun.found);
        over.store(true, Ordering::SeqCst);
        assert_eq!(found.unwrap(), Found::Missing);
    });
}

/// Answers every connection by `answer`, and says where.
fn strange_server(answer: impl Fn(&mut dyn Write) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 10_000]);
            answer(&mut stream);
        }
    });
    format!("redis://127.0.0.1:{port}?timeout=0.4")
}

#[test]
fn a_server_that_speaks_something_else_is_told_so() {
    let url = strange_server(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let (error, _) = failure(&machine(&url));
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("Redis or Valkey"), "{error}");
    // In the protocol, but none of our answers.
    let url = strange_server(|stream| {
        let _ = stream.write_all(b"*2\r\n:7\r\n+no\r\n$-1\r\n");
    });
    let (error, _) = failure(&machine(&url));
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("Redis or Valkey"), "{error}");
}

#[test]
fn an_answer_that_comes_in_drops_has_a_limit_too() {
    let url = strange_server(|stream| {
        let _ = stream.write_all(b"$1000000\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let (error, took) = failure(&machine(&url));
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(took >= Duration::from_millis(390) && took < Duration::from_secs(4), "{took:?}");
}
