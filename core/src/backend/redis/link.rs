//! The way to the server: connections, kept between requests, and scripts sent over them.

use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;
use rustls::ClientConfig;

use super::cluster::{Cluster, Limits};
use super::dial::Dial;
use super::exchange::{Pause, send_on};
use super::fault::{self, Fault};
use super::script::Call;
use super::sentinel::Sentinels;
use super::wire::Wire;
use crate::backend::pool::Pool;
use crate::error::{Error, Result};
use crate::server::{Server, Topology};

/// A server with the connections to it.
pub struct Link {
    dial: Dial,
    way: Way,
    /// Connections to the one server, or the one master.
    idle: Pool<Wire>,
}

/// Which server to go to.
enum Way {
    /// The one of the URL.
    Server,
    /// The one that Sentinels name.
    Sentinels(Sentinels),
    /// The one that has the keys; it keeps its connections itself.
    Cluster(Cluster),
}

/// What a script answered.
pub struct Answer {
    /// Its answer.
    pub value: Value,
    /// Whether it was sent twice, so that it may have been carried out twice.
    pub repeated: bool,
    /// Why the script beside it failed.
    pub trouble: Option<Error>,
}

impl Link {
    /// Connects to nobody yet. `prefix`: what keys begin with, for messages.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] if the URL has a database that is no number.
    pub fn new(server: &Server, tls: Option<Arc<ClientConfig>>, prefix: &str) -> Result<Link> {
        let way = match &server.topology {
            Topology::Single => Way::Server,
            Topology::Sentinel { master } => Way::Sentinels(Sentinels::new(server, master)),
            Topology::Cluster => Way::Cluster(Cluster::new(server)),
        };
        Ok(Link { dial: Dial::new(server, tls, prefix)?, way, idle: Pool::default() })
    }

    /// Whether the keys of one script have to be those of one session.
    pub fn is_spread(&self) -> bool {
        matches!(self.way, Way::Cluster(_))
    }

    /// The server.
    pub fn server(&self) -> &Server {
        self.dial.server()
    }

    /// Runs a script and returns what it answers. If the connection breaks meanwhile, it is sent once more, and told
    /// so: the scripts are such that this does no harm.
    pub fn run(&self, mut call: Call<'_>, pause: Option<&Pause>) -> Result<Answer> {
        let value = match &self.way {
            Way::Cluster(cluster) => Some(cluster.run(&self.dial, &mut call, pause, self.limits())?),
            Way::Server | Way::Sentinels(_) => self.send_or_rest(slice::from_mut(&mut call), pause)?.pop(),
        };
        Ok(Answer { value: self.accepted(value)?, repeated: call.repeated, trouble: None })
    }

    /// The same, with another script beside it that need not succeed, in one round trip. Its keys may be on another node;
    /// on the same server it comes after the first.
    pub fn run_beside(&self, call: Call<'_>, beside: Option<Call<'_>>) -> Result<Answer> {
        let Some(beside) = beside else { return self.run(call, None) };
        let mut calls = [call, beside];
        let (value, beside) = match &self.way {
            Way::Cluster(cluster) => {
                let [call, beside] = &mut calls;
                let posted = cluster.post(beside, self.server().timeout);
                let value = cluster.run(&self.dial, call, None, self.limits())?;
                (Some(value), cluster.settle(&self.dial, posted, beside, self.limits()).map(Some))
            }
            Way::Server | Way::Sentinels(_) => {
                let mut answers = self.send_or_rest(&mut calls, None)?.into_iter();
                (answers.next(), Ok(answers.next()))
            }
        };
        let trouble = beside.and_then(|beside| self.accepted(beside)).err();
        Ok(Answer { value: self.accepted(value)?, repeated: calls[0].repeated, trouble })
    }

    /// Runs scripts in one round trip, or in one to each node of a cluster, within `limit`. Their answers, refusals
    /// included, come in the same order.
    pub fn run_all(&self, mut calls: Vec<Call<'_>>, limit: Duration) -> Vec<Result<Value>> {
        if let Way::Cluster(cluster) = &self.way {
            return cluster.run_all(&self.dial, calls, limit);
        }
        match self.send(&mut calls, None, limit) {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(fault) => {
                let error = self.error(fault);
                calls.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    /// The error for an answer that makes no sense.
    pub fn strange(&self) -> Error {
        self.error(Fault::Strange("an answer that rustdb's scripts do not give".to_owned()))
    }

    /// The error for an answer that is none of those a script gives: a refusal, most likely.
    pub fn unexpected(&self, answer: Value) -> Error {
        match answer {
            Value::ServerError(error) => self.error(Fault::Refused(error)),
            _ => self.strange(),
        }
    }

    fn limits(&self) -> Limits {
        Limits { answer: self.server().timeout, connect: self.server().connect_timeout }
    }

    /// An answer that is no refusal.
    fn accepted(&self, answer: Option<Value>) -> Result<Value> {
        match answer {
            Some(answer @ Value::ServerError(_)) => Err(self.unexpected(answer)),
            Some(answer) => Ok(answer),
            None => Err(self.strange()),
        }
    }

    /// Sends scripts to the one server. If it does not answer, it is left alone for a moment.
    fn send_or_rest(&self, calls: &mut [Call<'_>], pause: Option<&Pause>) -> Result<Vec<Value>> {
        self.send(calls, pause, self.server().timeout).map_err(|fault| {
            let silent = matches!(fault, Fault::Silent);
            let error = self.error(fault);
            if silent {
                self.idle.note_silence(&error);
            }
            error
        })
    }

    fn error(&self, fault: Fault) -> Error {
        self.dial.error(fault, None)
    }

    fn send(&self, calls: &mut [Call<'_>], pause: Option<&Pause>, limit: Duration) -> Result<Vec<Value>, Fault> {
        let mut wire = match self.take_idle() {
            Some(wire) => wire,
            None => self.connect().map_err(Fault::Known)?,
        };
        let answers = match send_on(&mut wire, calls, pause, limit, false) {
            Err(Fault::Lost(_)) => {
                calls.iter_mut().for_each(|call| call.repeated = true);
                wire = self.connect_instead_of(wire)?;
                send_on(&mut wire, calls, pause, limit, false)
            }
            // Nothing was done, and the Sentinels may know a master by now.
            Ok(answers) if matches!(self.way, Way::Sentinels(_)) && answers.iter().any(is_a_replicas) => {
                wire = self.connect_instead_of(wire)?;
                send_on(&mut wire, calls, None, limit, false)
            }
            other => other,
        }?;
        self.idle.put(wire);
        Ok(answers)
    }

    fn take_idle(&self) -> Option<Wire> {
        loop {
            let mut wire = self.idle.take()?;
            if wire.is_usable() {
                return Some(wire);
            }
        }
    }

    /// A new connection, where one was of no use: the others are likely not to be either.
    fn connect_instead_of(&self, wire: Wire) -> Result<Wire, Fault> {
        drop(wire);
        self.idle.clear();
        self.connect().map_err(Fault::Known)
    }

    fn connect(&self) -> Result<Wire> {
        self.idle.connect(|| match &self.way {
            Way::Sentinels(sentinels) => sentinels.connect(&self.dial),
            Way::Server | Way::Cluster(_) => {
                let server = self.server();
                let connected = self.dial.connect(&server.address, Instant::now() + server.connect_timeout);
                connected.map_err(|fault| self.error(fault))
            }
        })
    }
}

/// Whether it is the answer of a server that was a master and is none any more.
fn is_a_replicas(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if matches!(fault::code(error), "READONLY" | "MASTERDOWN"))
}
