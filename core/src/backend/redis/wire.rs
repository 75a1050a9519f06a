//! One connection, and how it is made.
//!
//! Commands and values are the crate `redis`'s; the connection under them is our own, because that of the crate does
//! not show its socket: without it nobody can tell, short of a round trip, that the server has closed an idle
//! connection, and nobody can give a whole answer a limit, or connecting to a unix socket.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Cmd, Value};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::answers::Answers;
use super::fault::Fault;
use super::packed::Packed;
use super::socket::{Idle, Socket};
use crate::server::Address;

/// A connection.
pub struct Wire {
    channel: Channel,
    answers: Answers,
}

enum Channel {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Channel {
    fn socket(&mut self) -> &mut Socket {
        match self {
            Channel::Plain(socket) => socket,
            Channel::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Channel::Plain(socket) => socket.read(buffer),
            Channel::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Wire {
    /// Connects and sends `hello`, whose answers are returned, all until `deadline`. A refusal of any of them is a fault.
    pub fn connect(
        address: &Address,
        tls: Option<&Arc<ClientConfig>>,
        hello: &[Cmd],
        deadline: Instant,
    ) -> Result<(Wire, Vec<Value>), Fault> {
        let socket = match address {
            Address::Tcp { host, port } => Socket::tcp(host, *port, deadline),
            Address::Unix(path) => Socket::unix(path, deadline),
        }
        .map_err(Fault::Unreached)?;
        let channel = match (tls, address) {
            (Some(config), Address::Tcp { host, .. }) => encrypt(socket, host, config).map_err(Fault::Unreached)?,
            _ => Channel::Plain(socket),
        };
        let mut wire = Wire { channel, answers: Answers::new() };
        if hello.is_empty() {
            return Ok((wire, Vec::new()));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let mut answers = Vec::with_capacity(hello.len());
        for answer in wire.ask(hello, left).map_err(unreached)? {
            match answer {
                Value::ServerError(error) => return Err(Fault::Refused(error)),
                answer => answers.push(answer),
            }
        }
        Ok((wire, answers))
    }

    /// Whether an idle connection can be used, as far as can be told without asking the server.
    pub fn is_usable(&mut self) -> bool {
        // With TLS the server may send something at any time, such as a ticket for the next session.
        let tls = matches!(self.channel, Channel::Tls(_));
        match self.channel.socket().idle() {
            Idle::Quiet => true,
            Idle::Unasked => tls,
            Idle::Closed => false,
        }
    }

    /// Sends commands, all at once, and waits for their answers until `limit` is over. A refusal is an answer. After a
    /// fault the connection is of no use any more.
    pub fn ask(&mut self, commands: &[Cmd], limit: Duration) -> Result<Vec<Value>, Fault> {
        self.exchange(&Packed::from(commands), limit)
    }

    /// The same of commands that are packed already.
    pub fn exchange(&mut self, packed: &Packed, limit: Duration) -> Result<Vec<Value>, Fault> {
        self.limit(limit);
        self.send(packed)?;
        self.receive(packed.count())
    }

    /// Looks for answers for so long before it sleeps until they come.
    pub fn set_busy_poll(&mut self, limit: Duration) {
        self.channel.socket().set_busy_poll(limit);
    }

    /// Gives what follows this much time, all in all.
    pub fn limit(&mut self, limit: Duration) {
        self.channel.socket().limit(limit);
    }

    /// Sends commands, whose answers [`Wire::receive`] takes.
    pub fn send(&mut self, packed: &Packed) -> Result<(), Fault> {
        match &mut self.channel {
            Channel::Plain(socket) => socket.write_all(packed.bytes())?,
            Channel::Tls(stream) => {
                stream.write_all(packed.bytes())?;
                stream.flush()?;
            }
        }
        Ok(())
    }

    /// Waits for as many answers as commands were sent.
    pub fn receive(&mut self, count: usize) -> Result<Vec<Value>, Fault> {
        let mut answers = Vec::with_capacity(count);
        while answers.len() < count {
            match (self.answers.read(&mut self.channel), answers.pop()) {
                (Ok(answer), before) => answers.extend(before.into_iter().chain([answer])),
                // After it the server closes the connection (networking.c: `setProtocolError`): who has not said who they
                // are may not send that much, for example.
                (Err(Fault::Lost(_)), Some(Value::ServerError(last)))
                    if last.details().is_some_and(|detail| detail.starts_with("Protocol error")) =>
                {
                    return Err(Fault::Refused(last));
                }
                (Err(fault), _) => return Err(fault),
            }
        }
        Ok(answers)
    }
}

fn encrypt(mut socket: Socket, host: &str, config: &Arc<ClientConfig>) -> io::Result<Channel> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    Ok(Channel::Tls(Box::new(StreamOwned::new(tls, socket))))
}

/// As long as a connection is being made, nothing has been asked of it.
fn unreached(fault: Fault) -> Fault {
    match fault {
        Fault::Lost(error) => Fault::Unreached(error),
        Fault::Silent => Fault::Unreached(io::ErrorKind::TimedOut.into()),
        other => other,
    }
}
