//! Servers that are down, hang, restart, forget and refuse.

use std::time::Duration;

use rustdb_core::error::ErrorKind;
use rustdb_core::store::{Access, Backend, Change, Committed, Found, Lease, Store};
use rustdb_core::visitor::User;

use crate::contract_support::{id, in_an_hour, lease, of_user, read, write, write_of};
use crate::server::{Server, failure, machine, open, until, write_as};

#[test]
fn passwords_are_asked_for_and_never_shown() {
    let server = Server::start(&["--requirepass", "s3cret"]);
    for (user, part) in [("", "password"), (":wr0ng@", "does not accept"), ("joe:wr0ng@", "does not accept")] {
        let (error, _) = failure(&machine(&server.url().replace("://", &format!("://{user}"))));
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.to_string().contains("wr0ng"), "{error}");
    }
    let open_to_all = Server::start(&[]);
    let (error, _) = failure(&machine(&open_to_all.url().replace("://", "://:wr0ng@")));
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(!error.to_string().contains("wr0ng"), "{error}");
    let without_auth = Server::start(&["--rename-command", "AUTH", ""]);
    let (error, _) = failure(&machine(&without_auth.url().replace("://", "://joe:wr0ng@")));
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(!error.to_string().contains("wr0ng"), "{error}");
}

#[test]
fn a_user_needs_no_more_than_the_message_says() {
    let server = Server::start(&[]);
    server.tell(&["ACL", "SETUSER", "web", "on", ">pw"]);
    let store = machine(&server.url().replace("://", "://web:pw@"));
    let (error, _) = failure(&store);
    assert_eq!(error.kind(), ErrorKind::Refused);
    let message = error.to_string();
    let statement = &message[message.find("ACL SETUSER").expect(&message)..];
    server.tell(&statement.split(' ').collect::<Vec<_>>());
    // All there is: waiting, prolonging, taking again, destroying.
    let other = machine(&server.url());
    write(&store, "a", b"1", in_an_hour());
    let held = lease(&other, "a");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lease(&store, "a"));
        until("it waits", || other.maintain() && server.has_sleepers());
        assert_eq!(other.commit(id("a"), Change::None, held).unwrap(), Committed::Done);
        let held = waiting.join().unwrap();
        std::thread::sleep(Duration::from_millis(600));
        assert!(store.maintain());
        server.tell(&["DEL", "PHPREDIS_SESSION:a_LOCK"]);
        assert_eq!(write_as(&store, "a", b"2", held), Committed::Done);
    });
    let held = lease(&store, "a");
    assert_eq!(store.commit(id("a"), Change::Destroy, held).unwrap(), Committed::Done);
    write_as(&store, "large", &[b'x'; 100_000], Lease::default());
    // Whose they are, and what is no user's any more.
    let user = User::Is("41".into());
    ["b", "c"].iter().for_each(|name| write_of(&store, name, &user, in_an_hour()));
    server.tell(&["DEL", "PHPREDIS_SESSION:c"]);
    assert_eq!(of_user(&store, "41"), ["b"]);
    assert!(store.notices().take().is_empty());
    assert_eq!(
        server.tell(&["ACL", "LOG"]).into_sequence().map(|log| log.len()).ok(),
        Some(2),
        "the first refusals only: of the script, and of the reading behind it"
    );
    // Keys of others are out of reach.
    let store = machine(&(server.url().replace("://", "://web:pw@") + "?prefix=other:"));
    let (error, _) = failure(&store);
    assert!(error.to_string().contains("~other:*"), "{error}");
}

#[test]
fn a_server_that_is_down_is_named_and_then_left_alone() {
    let mut server = Server::start(&[]);
    let store = machine(&server.url());
    write(&store, "a", b"1", in_an_hour());
    let held = lease(&store, "a");
    server.kill();
    let (error, _) = failure(&store);
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains(&server.url()), "{error}");
    let error = store.commit(id("a"), Change::None, held).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    server.start_again();
    until("it is tried again", || store.begin(id("b"), Access::ReadOnly, None).is_ok());
}

#[test]
fn a_session_outlives_a_server_that_forgets_it() {
    let mut server = Server::start(&[]);
    let store = machine(&server.url());
    write(&store, "a", b"1", in_an_hour());
    let held = lease(&store, "a");
    server.kill();
    server.start_again();
    assert_eq!(write_as(&store, "a", b"2", held), Committed::Done);
    assert_eq!(read(&store, "a").as_deref(), Some(b"2".as_slice()));
    assert_eq!(server.keys(), ["PHPREDIS_SESSION:a"]);
}

#[test]
fn a_server_that_remembers_keeps_the_lease_over_a_restart() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let (one, two) = (machine(&server.url()), open(&server.url(), true, Duration::from_millis(100)));
    write(&one, "a", b"1", in_an_hour());
    let held = lease(&one, "a");
    // However long the restart takes.
    server.tell(&["PEXPIRE", "PHPREDIS_SESSION:a_LOCK", "600000"]);
    server.kill();
    server.start_again();
    let refused = two.begin(id("a"), Access::Exclusive, None).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LockTimeout, "{refused}");
    assert_eq!(write_as(&one, "a", b"2", held), Committed::Done);
    assert_eq!(read(&two, "a").as_deref(), Some(b"2".as_slice()));
}

#[test]
fn a_server_that_hangs_is_given_up_in_time_and_then_left_alone() {
    for by_socket in [false, true] {
        let server = Server::start(&[]);
        let url = if by_socket { server.socket_url() } else { server.url() };
        let store = machine(&format!("{url}?timeout=0.4&connect_timeout=0.3"));
        write(&store, "a", b"1", in_an_hour());
        let held = lease(&store, "a");
        server.stand_still(true);
        let (error, took) = failure(&store);
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.to_string().contains("0.4 seconds"), "{error}");
        assert!(took >= Duration::from_millis(390) && took < Duration::from_secs(4), "{took:?}");
        let (_, took) = failure(&store);
        assert!(took < Duration::from_millis(300), "nobody else waits for it: {took:?}");
        assert!(store.commit(id("a"), Change::None, held).is_err());
        server.stand_still(false);
        until("it is tried again", || store.begin(id("a"), Access::ReadOnly, None).is_ok());
    }
}

#[test]
fn a_stopped_server_with_a_full_queue_holds_nobody_up() {
    let server = Server::start(&["--tcp-backlog", "1"]);
    server.stand_still(true);
    let mut waiting = Vec::new();
    let address = socket2::SockAddr::unix(server.socket()).unwrap();
    while let Ok(stream) = nonblocking(&address) {
        waiting.push(stream);
    }
    let store = machine(&format!("{}?timeout=0.4&connect_timeout=0.3", server.socket_url()));
    let (error, took) = failure(&store);
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("0.3 seconds"), "{error}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

fn nonblocking(address: &socket2::SockAddr) -> std::io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}

#[test]
fn a_script_flush_is_not_noticed() {
    let server = Server::start(&[]);
    let store = machine(&server.url());
    for number in [b"1", b"2"] {
        let held = lease(&store, "a");
        server.tell(&["SCRIPT", "FLUSH"]);
        std::thread::sleep(Duration::from_millis(600));
        assert!(store.maintain());
        server.tell(&["SCRIPT", "FLUSH"]);
        assert_eq!(write_as(&store, "a", number, held), Committed::Done);
        server.tell(&["SCRIPT", "FLUSH"]);
    }
    assert!(matches!(store.begin(id("a"), Access::ReadOnly, None).unwrap().found, Found::Record(_)));
    assert!(store.notices().take().is_empty());
}
