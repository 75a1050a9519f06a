//! Scripts that go to a node of a cluster beside that of a session, and need not succeed.
//!
//! One is sent before the session's own, on a connection that is there already, and its answer is read after the
//! session's: so both nodes work at the same time, and one waits for one round trip. If there is no connection, or no map
//! yet, or the node sends it elsewhere, it is sent when the session's own script is through.
//!
//! Nothing is tried for long, and a node that has failed is left alone for a moment as far as such scripts are concerned,
//! so that sessions of nodes that are well do not wait for one that is not.

use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;

use super::cluster::{Cluster, Limits};
use super::dial::Dial;
use super::exchange::is_unknown_script;
use super::fault::Fault;
use super::node::{Asking, Node, Way};
use super::packed::Packed;
use super::script::Call;
use super::wire::Wire;
use crate::error::Result;

/// The nodes that one script is sent to: the one that should have its keys, where that one sends it, and one more try.
const TRIES: usize = 3;

/// A script that was sent, and has not been answered yet.
pub struct Posted {
    node: Arc<Node>,
    wire: Wire,
    /// How many answers will come.
    count: usize,
}

impl Posted {
    /// Waits for the answer. `None`: the script has to be sent again.
    fn answer(mut self, call: &Call<'_>, limit: Duration) -> Result<Option<Value>, Fault> {
        // What came meanwhile is not too late.
        self.wire.limit(limit);
        let answers = match self.wire.receive(self.count) {
            Ok(answers) => answers,
            Err(Fault::Lost(_)) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let answer = call.unpack(&mut answers.into_iter(), false);
        self.node.idle.put(self.wire);
        let is_here = |answer: &Value| Way::of(answer, &self.node.address) == Way::Here && !is_unknown_script(answer);
        Ok(answer.filter(is_here))
    }
}

impl Cluster {
    /// Sends a script, if that can be done at once. [`Cluster::settle`] sees to the rest.
    pub fn post(&self, call: &Call<'_>, limit: Duration) -> Option<Posted> {
        let node = self.known_owner(call.slot())?;
        if node.beside.lately_failed().is_some() {
            return None;
        }
        let mut wire = node.take_idle()?;
        let mut packed = Packed::with_capacity(call.room());
        call.pack(&mut packed, true, false);
        wire.limit(limit);
        wire.send(&packed).ok()?;
        Some(Posted { node, wire, count: packed.count() })
    }

    /// Waits for the answer, and sends the script if it was not sent or not taken. A refusal is an answer.
    pub fn settle(&self, dial: &Dial, posted: Option<Posted>, call: &Call<'_>, limits: Limits) -> Result<Value> {
        if let Some(posted) = posted {
            let node = Arc::clone(&posted.node);
            match posted.answer(call, limits.answer) {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {}
                Err(fault) => return self.failed(dial, &node, fault),
            }
        }
        let begun = Instant::now();
        let mut there = None;
        let mut tries = 0;
        loop {
            tries += 1;
            let (node, once) = match there.take() {
                Some(there) => there,
                None => (self.owner(dial, call.slot())?, false),
            };
            if let Some(error) = node.beside.lately_failed() {
                return Err(error);
            }
            let limit = limits.answer.saturating_sub(begun.elapsed());
            let asking = Asking { limit, connected: begun + limits.connect, regardless: false, once, pause: None };
            match node.send(dial, slice::from_ref(call), asking) {
                Ok(mut answers) => {
                    let answer = answers.pop().unwrap_or(Value::Nil);
                    there = match Way::of(&answer, &node.address) {
                        Way::Moved(to) if tries < TRIES => Some((self.moved(call.slot(), &to), false)),
                        Way::Ask(to) if tries < TRIES => Some((self.node(&to), true)),
                        Way::Nowhere => {
                            self.doubt();
                            return Ok(answer);
                        }
                        _ => return Ok(answer),
                    };
                }
                Err(Fault::Lost(_)) if tries < TRIES => node.idle.clear(),
                Err(fault) => return self.failed(dial, &node, fault),
            }
        }
    }

    fn failed(&self, dial: &Dial, node: &Node, fault: Fault) -> Result<Value> {
        self.doubt();
        let error = dial.error(fault, Some(&node.address));
        node.beside.note(Some(&error));
        Err(error)
    }
}
