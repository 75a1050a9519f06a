//! A node of a cluster, and what it says about where else to ask.

use std::io;
use std::time::{Duration, Instant};

use redis::{ServerError, Value};

use super::dial::Dial;
use super::exchange::{Pause, send_on};
use super::fault::{self, Fault};
use super::script::Call;
use super::slots;
use super::wire::Wire;
use crate::backend::pool::Pool;
use crate::server::Address;

/// A node, with the connections to it.
pub struct Node {
    /// Where it is.
    pub address: Address,
    /// Connections that nobody uses just now.
    pub idle: Pool<Wire>,
    /// Whether it failed a moment ago to do what was asked of it beside a session, and need not have been.
    pub beside: Pool<()>,
}

/// How to ask a node.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// How long the answer may take.
    pub limit: Duration,
    /// When a connection has to be there.
    pub connected: Instant,
    /// Whether it is asked although somebody failed to connect a moment ago.
    pub regardless: bool,
    /// Whether another node said that this one has the slot for this once.
    pub once: bool,
    /// A wait before it.
    pub pause: Option<&'a Pause>,
}

impl Node {
    /// A node that nobody is connected to yet.
    pub fn new(address: Address) -> Node {
        Node { address, idle: Pool::default(), beside: Pool::default() }
    }

    /// Sends scripts, all at once. Their answers, refusals included, come in the same order.
    pub fn send(&self, dial: &Dial, calls: &[Call<'_>], asking: Asking<'_>) -> Result<Vec<Value>, Fault> {
        let mut wire = self.wire(dial, asking.connected, asking.regardless)?;
        let answers = send_on(&mut wire, calls, asking.pause, asking.limit, asking.once)?;
        self.idle.put(wire);
        Ok(answers)
    }

    /// Asks which node has which slots.
    pub fn slots(&self, dial: &Dial, deadline: Instant) -> Result<Vec<slots::Range>, Fault> {
        let mut wire = self.wire(dial, deadline, false)?;
        let mut question = redis::cmd("CLUSTER");
        question.arg("SLOTS");
        let answer = wire.ask(&[question], deadline.saturating_duration_since(Instant::now()))?.pop();
        match answer {
            Some(Value::ServerError(error)) => Err(Fault::Refused(error)),
            Some(answer) => {
                let ranges = slots::read(&answer, &self.address);
                let ranges =
                    ranges.ok_or_else(|| Fault::Strange("an answer that no node of a cluster gives".to_owned()))?;
                self.idle.put(wire);
                Ok(ranges)
            }
            None => Err(Fault::Silent),
        }
    }

    /// A connection that is there already.
    pub fn take_idle(&self) -> Option<Wire> {
        loop {
            let mut wire = self.idle.take()?;
            if wire.is_usable() {
                return Some(wire);
            }
        }
    }

    fn wire(&self, dial: &Dial, deadline: Instant, regardless: bool) -> Result<Wire, Fault> {
        if let Some(wire) = self.take_idle() {
            return Ok(wire);
        }
        if let Some(error) = self.idle.lately_failed().filter(|_| !regardless) {
            return Err(Fault::Known(error));
        }
        match dial.connect(&self.address, deadline) {
            Ok(wire) => {
                self.idle.note(None);
                Ok(wire)
            }
            Err(Fault::Unreached(cause)) => {
                let same = io::Error::new(cause.kind(), cause.to_string());
                self.idle.note(Some(&dial.error(Fault::Unreached(same), Some(&self.address))));
                Err(Fault::Unreached(cause))
            }
            Err(fault) => Err(fault),
        }
    }
}

/// What an answer says about where to ask.
#[derive(Debug, PartialEq, Eq)]
pub enum Way {
    /// It is the answer.
    Here,
    /// The slot has moved there.
    Moved(Address),
    /// The slot is moving there, and the keys are there already, or will be.
    Ask(Address),
    /// The slot is moving, and some of the keys are here and some are there.
    Moving,
    /// No node takes it just now: the cluster is down or about to make a replica the master.
    Nowhere,
}

impl Way {
    /// Reads the answer of the node at `asked`.
    pub fn of(answer: &Value, asked: &Address) -> Way {
        let Value::ServerError(error) = answer else { return Way::Here };
        // "MOVED 3999 127.0.0.1:6381"; the host may be missing.
        let there = || {
            let (host, port) = error.details()?.split(' ').nth(1)?.rsplit_once(':')?;
            Some(slots::address(host, port.parse().ok()?, asked))
        };
        match fault::code(error) {
            "MOVED" => there().map_or(Way::Here, Way::Moved),
            "ASK" => there().map_or(Way::Here, Way::Ask),
            "TRYAGAIN" => Way::Moving,
            _ if takes_nothing(error) => Way::Nowhere,
            _ => Way::Here,
        }
    }
}

/// Whether a node says that another one has the keys, or will have them.
pub fn is_elsewhere(error: &ServerError) -> bool {
    matches!(fault::code(error), "MOVED" | "ASK" | "TRYAGAIN") || takes_nothing(error)
}

/// Whether a node says that it takes nothing for the moment, or not any more.
pub fn takes_nothing(error: &ServerError) -> bool {
    matches!(fault::code(error), "CLUSTERDOWN" | "READONLY" | "MASTERDOWN" | "LOADING")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_are_read() {
        let node = |host: &str, port| Address::Tcp { host: host.to_owned(), port };
        for (answer, way) in [
            ("-MOVED 3999 127.0.0.1:6381", Way::Moved(node("127.0.0.1", 6381))),
            ("-MOVED 3999 :6381", Way::Moved(node("asked", 6381))),
            ("-ASK 3999 ::1:6381", Way::Ask(node("::1", 6381))),
            ("-ASK 3999 node.example:6381", Way::Ask(node("node.example", 6381))),
            ("-ASK", Way::Here),
            ("-TRYAGAIN Multiple keys request during rehashing of slot", Way::Moving),
            ("-CLUSTERDOWN The cluster is down", Way::Nowhere),
            ("-ERR no", Way::Here),
            (":1", Way::Here),
        ] {
            let value = redis::parse_redis_value(format!("{answer}\r\n").as_bytes()).unwrap();
            assert_eq!(Way::of(&value, &node("asked", 1)), way, "{answer}");
        }
    }
}
