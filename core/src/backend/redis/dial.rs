//! How connections to a store's servers are made: one server, or any of those that Sentinels or a cluster name.

use std::sync::Arc;
use std::time::Instant;

use redis::{Cmd, Value, cmd};
use rustls::ClientConfig;

use super::fault::Fault;
use super::wire::Wire;
use crate::error::{Error, ErrorKind, Result};
use crate::server::{Address, Server, Topology};

/// What all connections of a store have in common.
pub struct Dial {
    server: Server,
    prefix: String,
    database: u32,
    tls: Option<Arc<ClientConfig>>,
}

impl Dial {
    /// Connects to nobody yet. `prefix`: what keys begin with, for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the URL has a database that is no number, or one that a cluster does not have.
    pub fn new(server: &Server, tls: Option<Arc<ClientConfig>>, prefix: &str) -> Result<Dial> {
        let wrong = |what| {
            Error::new(
                ErrorKind::Config,
                format!("rustdb.store names the database \"{}\" of {server}; {what}", server.database),
            )
        };
        let database = match server.database.as_str() {
            "" => 0,
            text => text.parse().map_err(|_| wrong("Redis numbers them from 0"))?,
        };
        if database != 0 && server.topology == Topology::Cluster {
            return Err(wrong("a cluster has the database 0 only"));
        }
        Ok(Dial { server: server.clone(), prefix: prefix.to_owned(), database, tls })
    }

    /// The store's URL.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Connects to the server at `address` and says who we are and which database is meant.
    pub fn connect(&self, address: &Address, deadline: Instant) -> Result<Wire, Fault> {
        let (wire, _) = self.greet(address, &self.hello(), deadline)?;
        Ok(wire)
    }

    /// Connects to the server at `address`, if it is a master.
    pub fn connect_master(&self, address: &Address, deadline: Instant) -> Result<Wire, Fault> {
        let mut hello = self.hello();
        hello.push(cmd("ROLE"));
        let (wire, mut answers) = self.greet(address, &hello, deadline)?;
        // ["master", …], ["slave", …] or ["sentinel", …].
        let is_master = match answers.pop() {
            Some(Value::Array(role)) => matches!(role.first(), Some(Value::BulkString(role)) if role == b"master"),
            _ => false,
        };
        if is_master { Ok(wire) } else { Err(Fault::Demoted) }
    }

    /// Connects to a Sentinel, which has users and passwords of its own.
    pub fn connect_sentinel(&self, address: &Address, deadline: Instant) -> Result<Wire, Fault> {
        let option = |name| self.server.option(name).unwrap_or_default();
        let hello: Vec<Cmd> = auth(option("sentinel_user"), option("sentinel_password")).into_iter().collect();
        let (wire, _) = self.greet(address, &hello, deadline)?;
        Ok(wire)
    }

    fn greet(&self, address: &Address, hello: &[Cmd], deadline: Instant) -> Result<(Wire, Vec<Value>), Fault> {
        let (mut wire, answers) = Wire::connect(address, self.tls.as_ref(), hello, deadline)?;
        wire.set_busy_poll(self.server.busy_poll);
        Ok((wire, answers))
    }

    /// The error for the operator. `address`: which of several servers it is about, if that is known.
    pub fn error(&self, fault: Fault, address: Option<&Address>) -> Error {
        fault.into_error(&self.server, address, &self.prefix)
    }

    /// What is said first, if anything: a server without a password, asked for its first database, needs nothing.
    fn hello(&self) -> Vec<Cmd> {
        let mut hello: Vec<Cmd> = auth(&self.server.user, &self.server.password).into_iter().collect();
        if self.database != 0 {
            let mut select = cmd("SELECT");
            select.arg(self.database);
            hello.push(select);
        }
        hello
    }
}

fn auth(user: &str, password: &str) -> Option<Cmd> {
    if user.is_empty() && password.is_empty() {
        return None;
    }
    let mut auth = cmd("AUTH");
    if !user.is_empty() {
        auth.arg(user);
    }
    auth.arg(password);
    Some(auth)
}
