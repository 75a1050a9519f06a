//! The way to the server: connections, kept between requests, and scripts sent over them.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value, cmd};
use rustls::ClientConfig;

use super::fault::Fault;
use super::script::Call;
use super::wire::Wire;
use crate::backend::pool::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::server::Server;

/// A server with the connections to it.
pub struct Link {
    server: Server,
    prefix: String,
    database: u32,
    tls: Option<Arc<ClientConfig>>,
    idle: Pool<Wire>,
}

/// What a script answered.
pub struct Answer {
    /// Its answer.
    pub value: Value,
    /// Whether it was sent twice, so that it may have been carried out twice.
    pub repeated: bool,
}

/// A wait that the server begins before it runs a script.
pub struct Pause {
    /// The list on which an invitation ends it.
    pub list: Vec<u8>,
    /// How long it lasts at most.
    pub limit: Duration,
}

impl Link {
    /// Connects to nobody yet. `prefix`: what keys begin with, for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the URL has a database that is no number.
    pub fn new(server: &Server, tls: Option<Arc<ClientConfig>>, prefix: &str) -> Result<Link> {
        let database = match server.database.as_str() {
            "" => Ok(0),
            text => text.parse().map_err(|_| {
                Error::new(
                    ErrorKind::Config,
                    format!("rustdb.store names the database \"{text}\" of {server}; Redis numbers them from 0"),
                )
            }),
        }?;
        let (server, prefix) = (server.clone(), prefix.to_owned());
        Ok(Link { server, prefix, database, tls, idle: Pool::default() })
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Runs a script and returns what it answers. If the connection breaks meanwhile, it is sent once more, and told
    /// so: the scripts are such that this does no harm.
    pub fn run(&self, call: Call<'_>, pause: Option<&Pause>) -> Result<Answer> {
        let mut calls = [call];
        let answers = self.send(&mut calls, pause, self.server.timeout).map_err(|fault| {
            let silent = matches!(fault, Fault::Silent);
            let error = self.error(fault);
            if silent {
                self.idle.note_silence(&error);
            }
            error
        })?;
        match answers.into_iter().next() {
            Some(answer @ Value::ServerError(_)) => Err(self.unexpected(answer)),
            Some(value) => Ok(Answer { value, repeated: calls[0].repeated }),
            None => Err(self.strange()),
        }
    }

    /// Runs scripts in one round trip, within `limit`. Their answers, refusals included, come in the same order.
    pub fn run_all(&self, mut calls: Vec<Call<'_>>, limit: Duration) -> Result<Vec<Value>> {
        self.send(&mut calls, None, limit).map_err(|fault| self.error(fault))
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

    fn error(&self, fault: Fault) -> Error {
        fault.into_error(&self.server, &self.prefix)
    }

    fn send(&self, calls: &mut [Call<'_>], pause: Option<&Pause>, limit: Duration) -> Result<Vec<Value>, Fault> {
        let mut wire = match self.take_idle() {
            Some(wire) => wire,
            None => self.connect().map_err(Fault::Known)?,
        };
        let answers = match send_on(&mut wire, calls, pause, limit) {
            Err(Fault::Lost(_)) => {
                drop(wire);
                // The others are likely to be broken too.
                self.idle.clear();
                calls.iter_mut().for_each(|call| call.repeated = true);
                wire = self.connect().map_err(Fault::Known)?;
                send_on(&mut wire, calls, pause, limit)
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

    fn connect(&self) -> Result<Wire> {
        self.idle.connect(|| {
            Wire::connect(&self.server, self.database, self.tls.as_ref()).map_err(|fault| self.error(fault))
        })
    }
}

fn send_on(wire: &mut Wire, calls: &[Call<'_>], pause: Option<&Pause>, limit: Duration) -> Result<Vec<Value>, Fault> {
    let mut commands: Vec<Cmd> = Vec::with_capacity(calls.len() + 1);
    if let Some(pause) = pause {
        // The server waits on our behalf and goes on to the script by itself, so there is no way back and forth
        // between an invitation and the attempt that follows it.
        let mut sleep = cmd("BLPOP");
        // Before version 7 what is less than a millisecond becomes 0, which means for ever.
        sleep.arg(&pause.list).arg(pause.limit.as_secs_f64().max(0.01));
        commands.push(sleep);
    }
    commands.extend(calls.iter().map(|call| call.command(true)));
    let mut answers = wire.ask(&commands, limit + pause.map_or(Duration::ZERO, |pause| pause.limit))?;
    if pause.is_some() {
        // Whether it was woken does not matter, nor whether it may sleep at all: the script tells what there is.
        answers.remove(0);
    }
    let unknown: Vec<usize> = (0..answers.len()).filter(|place| is_unknown_script(&answers[*place])).collect();
    if !unknown.is_empty() {
        let commands: Vec<Cmd> = unknown.iter().map(|place| calls[*place].command(false)).collect();
        for (place, answer) in unknown.into_iter().zip(wire.ask(&commands, limit)?) {
            answers[place] = answer;
        }
    }
    Ok(answers)
}

fn is_unknown_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT")
}
