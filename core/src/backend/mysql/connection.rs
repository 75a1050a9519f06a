//! One connection: several statements go in one packet, and all their answers come back, so an exchange is one round
//! trip however much it does.
//!
//! Statements go as text (`COM_QUERY` with `CLIENT_MULTI_STATEMENTS`); prepared ones would take a round trip each. The
//! server stops at the first that fails. It is then unclear what of the rest was meant to happen, a lock taken by an
//! earlier one stays, and so whoever gets a [`Failure`] drops the connection, unless its cause is [`Cause::Busy`] or
//! [`Cause::Duplicate`] and he knows what the connection holds.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql::consts::CapabilityFlags;
use mysql::prelude::Queryable;
use mysql::{Conn, DriverError, Opts, OptsBuilder, Value};
use socket2::{Domain, SockAddr, Socket, Type};

use super::failure::{Cause, Failure};
use super::locks::{NO_SYNC, SYNC};
use super::target::Target;
use super::wire::Wire;
use crate::server::Address;

/// The largest packet the protocol knows; the server's own limit is asked for at connect.
const LARGEST_PACKET: usize = 1 << 30;
/// Room in a packet for what stands around the statement.
const PACKET_SLACK: usize = 64;
/// The longest wait for a lock inside one statement. A machine that dies while it waits gets the lock at worst at the
/// end of that wait, and loses it [`super::lease::ALIVE`] seconds later: within 10 s together.
const LONGEST_SLICE: Duration = Duration::from_millis(1500);

/// What one statement answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// Rows that the statement found to change (`CLIENT_FOUND_ROWS`): for an `UPDATE` those that matched.
    pub(super) affected: u64,
    /// The rows of a result set.
    pub(super) rows: Vec<Vec<Option<Vec<u8>>>>,
}

impl Answer {
    /// A field of the first row.
    pub(super) fn first(&self, column: usize) -> Option<&[u8]> {
        self.rows.first()?.get(column)?.as_deref()
    }

    /// Whether the first field of the first row is 1.
    pub(super) fn is_one(&self) -> bool {
        self.first(0) == Some(b"1")
    }
}

/// A connection to the server.
pub(super) struct Connection {
    conn: Conn,
    /// How statements are sent where nothing is encrypted; else the crate does it.
    wire: Option<Wire>,
    /// Answers that were received and not asked for yet.
    rest: Vec<Answer>,
    target: Arc<Target>,
    /// The number of its server in [`super::hosts::Hosts`].
    pub(super) host: usize,
    /// The longest text that [`Connection::run`] may be given.
    pub(super) room: usize,
    /// Whether the server is MariaDB. There a wait for a lock may take fractions of a second, which MySQL rounds.
    pub(super) mariadb: bool,
    /// Whether the server is one of several that take changes: a Galera node, or a member of a replication group.
    pub(super) clustered: bool,
    /// Whether it has to be told to read what its cluster has committed.
    pub(super) galera: bool,
    /// Whether the server takes no changes.
    read_only: bool,
    /// When the server last heard of this connection.
    pub(super) used: Instant,
    /// Whether the server ends it after a short silence; see [`super::lease`].
    pub(super) strict: bool,
}

impl Connection {
    /// Connects to the server with the number `host`, and logs in. `wary`: it did not answer when it was asked last.
    pub(super) fn open(target: &Arc<Target>, host: usize, wary: bool) -> Result<Connection, Failure> {
        let failed = |error| connect_failure(target, Failure::of(&target.server, error));
        let conn = dial(target, wary).map_err(failed)?;
        // While it logs in, the time for connecting is the limit of each answer; now that for answers is.
        let limited = socket(&conn).and_then(|socket| socket.set_read_timeout(Some(target.server.timeout)));
        limited.map_err(|cause| failed(cause.into()))?;
        let wire = match target.tls {
            None => {
                let socket = socket(&conn).map_err(|cause| failed(cause.into()))?;
                Some(Wire::new(socket.into(), target.server.busy_poll))
            }
            Some(_) => None,
        };
        let mut connection = Connection {
            conn,
            wire,
            rest: Vec::new(),
            target: Arc::clone(target),
            host,
            room: LARGEST_PACKET,
            mariadb: false,
            clustered: false,
            galera: false,
            read_only: false,
            used: Instant::now(),
            strict: false,
        };
        // Statements that wait for other transactions end before we stop listening for their answer.
        let wait = (target.server.timeout.as_secs() / 2).max(1);
        let answers = connection.run(&format!(
            "SET NAMES binary;\
             SET SESSION autocommit=1,SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',\
             SESSION time_zone='+00:00',SESSION innodb_lock_wait_timeout={wait},SESSION lock_wait_timeout={wait};\
             SELECT @@max_allowed_packet,VERSION(),@@global.read_only;\
             SHOW VARIABLES WHERE Variable_name IN ('wsrep_on','group_replication_group_name')"
        ))?;
        let [_, _, settings, variables] = &answers[..] else {
            return Err(connection.failed(fewer().into()));
        };
        let text = |column| settings.first(column).map(String::from_utf8_lossy).unwrap_or_default();
        connection.room = text(0).parse::<usize>().unwrap_or(LARGEST_PACKET).saturating_sub(PACKET_SLACK);
        connection.mariadb = text(1).contains("MariaDB");
        connection.read_only = !matches!(text(2).as_ref(), "0" | "OFF");
        // A server that knows nothing of clusters does not have the variables at all.
        let says = |name: &[u8], unset: &[&[u8]]| {
            let value = variables.rows.iter().find_map(|row| match &row[..] {
                [Some(named), value] if named == name => value.as_deref(),
                _ => None,
            });
            value.is_some_and(|value| !value.is_empty() && !unset.contains(&value))
        };
        connection.galera = says(b"wsrep_on", &[b"OFF", b"0"]);
        connection.clustered = connection.galera || says(b"group_replication_group_name", &[]);
        Ok(connection)
    }

    /// The connection, if its server takes changes.
    pub(super) fn writable(self) -> Result<Connection, Failure> {
        if self.read_only { Err(Failure::read_only(&self.target.server, "read_only is set")) } else { Ok(self) }
    }

    /// Runs the statements in `sql`, separated by semicolons: one round trip. There are as many answers as statements.
    pub(super) fn run(&mut self, sql: &str) -> Result<Vec<Answer>, Failure> {
        let first = self.run_to(sql, 0)?;
        let mut answers = self.rest()?;
        answers.insert(0, first);
        Ok(answers)
    }

    /// The same, but returns the answer to statement `number`, counted from 0. For those to later ones it does not wait,
    /// if it can.
    pub(super) fn run_to(&mut self, sql: &str, number: usize) -> Result<Answer, Failure> {
        self.rest.clear();
        let answer = match &mut self.wire {
            Some(wire) => ask(wire, sql, number),
            None => self.exchange(sql).and_then(|mut answers| {
                if answers.len() <= number {
                    return Err(fewer().into());
                }
                self.rest = answers.split_off(number + 1);
                Ok(answers.swap_remove(number))
            }),
        };
        self.used = Instant::now();
        answer.map_err(|error| self.failed(error))
    }

    /// The other answers to what was run last. Who does not ask for them does without.
    pub(super) fn rest(&mut self) -> Result<Vec<Answer>, Failure> {
        let mut answers = std::mem::take(&mut self.rest);
        while let Some(wire) = self.wire.as_mut().filter(|wire| wire.owes()) {
            match wire.answer() {
                Ok((answer, _)) => answers.push(answer),
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(answers)
    }

    /// Runs a statement whose answer nobody waits for, if that can be.
    pub(super) fn leave(&mut self, sql: &str) -> Result<(), Failure> {
        self.rest()?;
        let Some(wire) = &mut self.wire else { return self.run(sql).map(drop) };
        self.used = Instant::now();
        // What is sent into a connection that the server has closed arrives nowhere, and nobody would hear of it.
        let sent = if wire.is_quiet() { wire.send(sql) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        sent.map_err(|error| self.failed(error.into()))
    }

    fn failed(&self, error: mysql::Error) -> Failure {
        let failure = Failure::of(&self.target.server, error);
        if matches!(failure.cause, Cause::Closed | Cause::Silent) {
            // Else the crate, which says goodbye when the connection is dropped, would wait for that to be taken.
            let _ = socket(&self.conn).and_then(|socket| socket.shutdown(Shutdown::Both));
        }
        failure
    }

    /// The same for a statement that may take as long as `limit`.
    pub(super) fn run_long(&mut self, sql: &str, limit: Duration) -> Result<Vec<Answer>, Failure> {
        let wait = |connection: &Connection, limit| {
            let set = socket(&connection.conn).and_then(|socket| socket.set_read_timeout(Some(limit)));
            set.map_err(|cause| Failure::of(&connection.target.server, cause.into()))
        };
        wait(self, limit)?;
        let answers = self.run(sql)?;
        wait(self, self.target.server.timeout)?;
        Ok(answers)
    }

    /// The same for a statement that reads what other machines may have committed a moment ago, on other servers of a
    /// cluster.
    pub(super) fn run_current(&mut self, sql: &str) -> Result<Vec<Answer>, Failure> {
        if !self.galera {
            return self.run(sql);
        }
        let mut answers = self.run(&format!("{SYNC};{sql};{NO_SYNC}"))?;
        answers.remove(0);
        answers.pop();
        Ok(answers)
    }

    fn exchange(&mut self, sql: &str) -> mysql::Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(4);
        let mut result = self.conn.query_iter(sql)?;
        while let Some(set) = result.iter() {
            let mut answer = Answer { affected: set.affected_rows(), rows: Vec::new() };
            for row in set {
                answer.rows.push(row?.unwrap().into_iter().map(bytes_of).collect());
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// How long statements may take of their own accord, so that their answer comes in time.
    pub(super) fn patience(&self) -> Duration {
        self.target.server.timeout / 2
    }

    /// How long the next statement may wait for a lock, in seconds as SQL takes them, when `left` is left in all.
    /// Shorter than the wait for an answer. Zero: it may only look.
    pub(super) fn slice(&self, left: Duration) -> Duration {
        let slice = left.min(self.patience()).min(LONGEST_SLICE);
        if self.mariadb { slice } else { Duration::from_secs(slice.as_secs()) }
    }
}

/// Sends statements and waits for the answer to that of this number.
fn ask(wire: &mut Wire, sql: &str, number: usize) -> mysql::Result<Answer> {
    wire.send(sql)?;
    wire.settle()?;
    for _ in 0..number {
        if !wire.answer()?.1 {
            return Err(fewer().into());
        }
    }
    Ok(wire.answer()?.0)
}

/// As of a server, or of something in front of it, that does not know several statements in one packet.
fn fewer() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "of several statements it answers some only")
}

fn bytes_of(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        // In the text protocol every other value is NULL.
        _ => None,
    }
}

fn connect_failure(target: &Target, failure: Failure) -> Failure {
    match failure.cause {
        Cause::Silent => Failure::of(&target.server, DriverError::ConnectTimeout.into()),
        _ => failure,
    }
}

fn options(target: &Target) -> OptsBuilder {
    let server = &target.server;
    let attributes = [("program_name", "rustdb")].into_iter().collect();
    OptsBuilder::new()
        .user(Some(server.user.as_str()))
        .pass(Some(server.password.as_str()))
        .db_name(Some(server.database.as_str()))
        .connect_attrs(Some::<std::collections::HashMap<&str, &str>>(attributes))
        // An UPDATE that changes nothing has found its row nevertheless.
        .additional_capabilities(CapabilityFlags::CLIENT_FOUND_ROWS)
        // Else the crate asks the server for it, in a round trip of its own.
        .max_allowed_packet(Some(LARGEST_PACKET))
        // Else a connection to this machine is made twice.
        .prefer_socket(false)
        .stmt_cache_size(0usize)
        .ssl_opts(target.tls.clone())
        .tcp_keepalive_time_ms(Some(30_000))
        .tcp_connect_timeout(Some(server.connect_timeout))
        .read_timeout(Some(server.connect_timeout))
        // What is written in part when that time is over is tried again, two or three times until the buffers are full.
        .write_timeout(Some((server.timeout / 3).max(Duration::from_millis(1))))
}

fn dial(target: &Target, wary: bool) -> mysql::Result<Conn> {
    let (host, port) = match &target.server.address {
        Address::Unix(path) => {
            if wary && !has_room(path)? {
                return Err(DriverError::ConnectTimeout.into());
            }
            return Conn::new(Opts::from(options(target).socket(path.to_str())));
        }
        Address::Tcp { host, port } => (host.as_str(), *port),
    };
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|cause| DriverError::CouldNotConnect(Some((host.to_owned(), cause.to_string(), cause.kind()))))?;
    // The crate tries the first address of a name only, and localhost is often ::1 first, where few servers listen.
    let mut failure = DriverError::CouldNotConnect(None).into();
    for address in addresses {
        match Conn::new(Opts::from(at(options(target), target.tls.is_some(), host, address))) {
            Ok(conn) => return Ok(conn),
            Err(error @ mysql::Error::DriverError(DriverError::CouldNotConnect(_) | DriverError::ConnectTimeout)) => {
                failure = error;
            }
            // Somebody answers, and says no.
            Err(error) => return Err(error),
        }
    }
    Err(failure)
}

/// Whether another connection to a unix socket would find room in its queue. If there is none, as when the server
/// hangs, connect(2) waits for it without any limit. Looking takes a connection of its own, which the server notes as an
/// aborted one, so it is done only where there is reason to.
fn has_room(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let connected = socket.connect(&SockAddr::unix(path)?);
    Ok(!connected.is_err_and(|cause| cause.kind() == io::ErrorKind::WouldBlock))
}

/// `options` for one address of `host`.
fn at(options: OptsBuilder, tls: bool, host: &str, address: SocketAddr) -> OptsBuilder {
    let options = options.tcp_port(address.port());
    let bracketed = |ip: IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    if !tls || host.parse::<IpAddr>().is_ok() {
        return options.ip_or_hostname(Some(bracketed(address.ip())));
    }
    // The crate checks the certificate against what it is told to connect to, so it must be told the name; bound to an
    // address of one family, it takes those of the same family, all of them.
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    options.ip_or_hostname(Some(host)).bind_address(Some(SocketAddr::new(any, 0)))
}

/// The socket of a connection, by a descriptor of its own. Of a unix socket or not: what is asked of it here is the
/// same for every kind.
fn socket(conn: &Conn) -> io::Result<UnixStream> {
    // SAFETY: the descriptor is open as long as `conn`, which outlives this borrow.
    let descriptor = unsafe { BorrowedFd::borrow_raw(conn.as_raw_fd()) };
    descriptor.try_clone_to_owned().map(UnixStream::from)
}
