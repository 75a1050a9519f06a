//! A Redis Cluster: which node has a session, and what to do when that changes.
//!
//! All keys of a session are in one slot (keys.rs), so every script goes to one node. The map of slots is read when it
//! is first needed and whenever there is a reason to doubt it: a redirection, a connection that breaks, a node that does
//! not answer. In between nobody is asked, so a stable cluster costs no round trip of its own.
//!
//! While a slot is being moved, its keys are in two places, and a node runs scripts only if it has all of their keys or
//! is asked for one key (cluster.c: `getNodeByQuery`, `TRYAGAIN`). So its sessions wait until it has moved, which takes
//! milliseconds, for at most as long as an answer may take. When a node dies, its sessions wait for its replica to become
//! the master for as long as connecting may take; who comes after that fails at once for a moment (pool.rs).

use std::io;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::Value;

use super::dial::Dial;
use super::exchange::Pause;
use super::fault::Fault;
use super::node::{Asking, Node, Way, takes_nothing};
use super::script::Call;
use super::slots;
use crate::error::{Error, ErrorKind, Result};
use crate::server::{Address, Server};

/// How many times in a row one node may send us to another.
const MOST_REDIRECTIONS: u32 = 16;
/// After so many of them, we wait for the nodes to agree.
const FEW_REDIRECTIONS: u32 = 3;
/// How long to wait for a slot that is moving, before the next look.
const STEP: Duration = Duration::from_millis(10);
/// How long to wait for a replica to become a master, and between two readings of the map.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a redirection has the map read, which each of them corrects for its own slot.
const RARELY: Duration = Duration::from_secs(1);

/// A cluster.
pub struct Cluster {
    map: Mutex<Map>,
    /// Where the next reading of the map begins, so that one that knows less than the others is not always the first.
    turn: AtomicUsize,
}

struct Map {
    /// Masters, replicas, and those of the URL.
    nodes: Vec<Arc<Node>>,
    /// Which of them has each slot; empty before the first reading.
    owners: Vec<Option<Arc<Node>>>,
    /// When it was last read, or when that failed.
    read: Option<Instant>,
    doubtful: bool,
}

/// For how long to go on.
#[derive(Clone, Copy)]
pub struct Limits {
    /// For one answer, and for a slot that is moving.
    pub answer: Duration,
    /// For a connection, and for a replica to become a master.
    pub connect: Duration,
}

impl Cluster {
    /// Connects to nobody yet.
    pub fn new(server: &Server) -> Cluster {
        let nodes = server.addresses().map(|address| Arc::new(Node::new(address.clone()))).collect();
        let map = Map { nodes, owners: Vec::new(), read: None, doubtful: true };
        Cluster { map: Mutex::new(map), turn: AtomicUsize::new(0) }
    }

    /// Runs a script on the node that has its keys. A refusal is an answer.
    pub fn run(&self, dial: &Dial, call: &mut Call<'_>, pause: Option<&Pause>, limits: Limits) -> Result<Value> {
        let begun = Instant::now();
        let mut pause = pause;
        let mut sent_to = None;
        let (mut redirections, mut losses, mut regardless) = (0, 0, false);
        // Since when there has been no connection, or nobody to answer.
        let mut trouble: Option<Instant> = None;
        loop {
            let (node, once) = match sent_to.take() {
                Some(there) => there,
                None => (self.owner(dial, call.slot())?, false),
            };
            let now = Instant::now();
            let until = trouble.unwrap_or(now) + limits.connect;
            let connected = now + until.saturating_duration_since(now) / 2;
            let asking = Asking { limit: limits.answer, connected, regardless, once, pause: pause.take() };
            let fault = match node.send(dial, slice::from_ref(call), asking) {
                Ok(mut answers) => {
                    let answer = answers.pop().unwrap_or(Value::Nil);
                    match Way::of(&answer, &node.address) {
                        Way::Here => return Ok(answer),
                        Way::Moved(to) if redirections < MOST_REDIRECTIONS => {
                            sent_to = Some((self.moved(call.slot(), &to), false));
                            None
                        }
                        Way::Ask(to) if redirections < MOST_REDIRECTIONS => {
                            sent_to = Some((self.node(&to), true));
                            None
                        }
                        Way::Moving if begun.elapsed() + STEP < limits.answer => {
                            redirections = 0;
                            std::thread::sleep(STEP);
                            continue;
                        }
                        Way::Nowhere => match answer {
                            Value::ServerError(error) => Some(Fault::Refused(error)),
                            other => return Ok(other),
                        },
                        Way::Moved(_) | Way::Ask(_) | Way::Moving => return Ok(answer),
                    }
                }
                Err(fault) => Some(fault),
            };
            let Some(fault) = fault else {
                redirections += 1;
                if redirections > FEW_REDIRECTIONS {
                    std::thread::sleep(STEP);
                }
                continue;
            };
            self.doubt();
            match fault {
                Fault::Lost(_) if losses < 2 => {
                    losses += 1;
                    call.repeated = true;
                    // The others are likely to be broken too.
                    node.idle.clear();
                }
                _ if is_passing(&fault) && Instant::now() + PAUSE < *trouble.get_or_insert(now) + limits.connect => {
                    std::thread::sleep(PAUSE);
                }
                fault => {
                    let silent = matches!(fault, Fault::Silent) || is_passing(&fault);
                    let error = dial.error(fault, Some(&node.address));
                    if silent {
                        node.idle.note_silence(&error);
                    }
                    return Err(error);
                }
            }
            regardless = true;
        }
    }

    /// Runs scripts, in one round trip to each node, within `limit`. Their answers, refusals included, come in the same
    /// order.
    pub fn run_all(&self, dial: &Dial, calls: Vec<Call<'_>>, limit: Duration) -> Vec<Result<Value>> {
        let deadline = Instant::now() + limit;
        let mut answers: Vec<Option<Result<Value>>> = calls.iter().map(|_| None).collect();
        let mut groups: Vec<(Arc<Node>, Vec<usize>, Vec<Call<'_>>)> = Vec::new();
        // Where one is not known none is, most likely, and the nodes are not asked again for each.
        let mut unknown: Option<Error> = None;
        for (place, call) in calls.into_iter().enumerate() {
            let owner = unknown.clone().map_or_else(|| self.owner(dial, call.slot()), Err);
            match owner {
                Err(error) => {
                    unknown = Some(error.clone());
                    answers[place] = Some(Err(error));
                }
                Ok(node) => match groups.iter_mut().find(|(other, ..)| Arc::ptr_eq(other, &node)) {
                    Some((_, places, calls)) => {
                        places.push(place);
                        calls.push(call);
                    }
                    None => groups.push((node, vec![place], vec![call])),
                },
            }
        }
        let count = groups.len();
        for (number, (node, places, calls)) in groups.into_iter().enumerate() {
            // One that does not answer leaves the others their time.
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / (count - number) as u32;
            let asking = Asking { limit: share, connected: now + share, regardless: false, once: false, pause: None };
            let (sent, lost) = match node.send(dial, &calls, asking) {
                Ok(sent) => (sent.into_iter().map(Ok).collect(), false),
                Err(Fault::Lost(_)) => (Vec::new(), true),
                Err(fault) => {
                    self.doubt();
                    let error = dial.error(fault, Some(&node.address));
                    (places.iter().map(|_| Err(error.clone())).collect(), false)
                }
            };
            let mut sent: std::vec::IntoIter<Result<Value>> = sent.into_iter();
            for (place, mut call) in places.into_iter().zip(calls) {
                call.repeated |= lost;
                let answer = match sent.next() {
                    Some(Ok(answer)) if matches!(Way::of(&answer, &node.address), Way::Here) => Ok(answer),
                    Some(Err(error)) => Err(error),
                    // It broke, or is somewhere else.
                    _ => {
                        let left = deadline.saturating_duration_since(Instant::now());
                        self.run(dial, &mut call, None, Limits { answer: left, connect: left })
                    }
                };
                answers[place] = Some(answer);
            }
        }
        let missing = || Err(dial.error(Fault::Silent, None));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    /// The node that has a slot, where there is no reason to doubt it.
    pub(super) fn known_owner(&self, slot: u16) -> Option<Arc<Node>> {
        let map = self.map.lock();
        map.owners.get(usize::from(slot)).cloned().flatten().filter(|_| !map.doubtful)
    }

    /// The node at an address.
    pub(super) fn node(&self, address: &Address) -> Arc<Node> {
        self.map.lock().node(address)
    }

    /// The node that has a slot, as far as is known.
    pub(super) fn owner(&self, dial: &Dial, slot: u16) -> Result<Arc<Node>> {
        let known = |map: &Map| map.owners.get(usize::from(slot)).cloned().flatten();
        {
            let map = self.map.lock();
            let lately = map.read.is_some_and(|read| read.elapsed() < PAUSE);
            if let Some(owner) = known(&map).filter(|_| !map.doubtful || lately) {
                return Ok(owner);
            }
        }
        let read = self.read(dial);
        // What was known is better than nothing.
        match (known(&self.map.lock()), read) {
            (Some(owner), _) => Ok(owner),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(Error::new(
                ErrorKind::Unreachable,
                format!(
                    "no node of {} has the slot {slot}; redis-cli --cluster check tells what is wrong",
                    dial.server()
                ),
            )),
        }
    }

    /// Asks one node after the other for the map, within the connect timeout.
    fn read(&self, dial: &Dial) -> Result<()> {
        let nodes = self.map.lock().nodes.clone();
        let deadline = Instant::now() + dial.server().connect_timeout;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut failure = None;
        for number in 0..nodes.len() {
            let node = &nodes[(turn + number) % nodes.len()];
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / (nodes.len() - number) as u32;
            match node.slots(dial, now + share) {
                Ok(ranges) => {
                    self.map.lock().replace(&ranges, dial.server());
                    return Ok(());
                }
                Err(fault) => {
                    let error = dial.error(fault, Some(&node.address));
                    failure = failure.or(Some(error));
                }
            }
        }
        self.map.lock().read = Some(Instant::now());
        Err(failure.unwrap_or_else(|| dial.error(Fault::Unreached(io::ErrorKind::TimedOut.into()), None)))
    }

    /// Has the map read before it is used again.
    pub(super) fn doubt(&self) {
        self.map.lock().doubtful = true;
    }

    /// Notes that a slot has moved to an address, and returns the node there.
    pub(super) fn moved(&self, slot: u16, to: &Address) -> Arc<Node> {
        let mut map = self.map.lock();
        let node = map.node(to);
        if let Some(owner) = map.owners.get_mut(usize::from(slot)) {
            *owner = Some(Arc::clone(&node));
        }
        map.doubtful |= map.read.is_none_or(|read| read.elapsed() >= RARELY);
        node
    }
}

impl Map {
    /// The node at an address.
    fn node(&mut self, address: &Address) -> Arc<Node> {
        if let Some(node) = self.nodes.iter().find(|node| node.address == *address) {
            return Arc::clone(node);
        }
        let node = Arc::new(Node::new(address.clone()));
        self.nodes.push(Arc::clone(&node));
        node
    }

    fn replace(&mut self, ranges: &[slots::Range], server: &Server) {
        self.owners = vec![None; slots::COUNT];
        for range in ranges {
            let nodes: Vec<Arc<Node>> = range.nodes.iter().map(|address| self.node(address)).collect();
            for owner in self.owners.iter_mut().take(usize::from(range.last) + 1).skip(usize::from(range.first)) {
                *owner = nodes.first().cloned();
            }
        }
        // Those that have left the cluster.
        let named = |address: &Address| ranges.iter().any(|range| range.nodes.contains(address));
        self.nodes.retain(|node| named(&node.address) || server.addresses().any(|address| *address == node.address));
        self.read = Some(Instant::now());
        self.doubtful = false;
    }
}

/// Whether another node may do soon what this one does not.
fn is_passing(fault: &Fault) -> bool {
    match fault {
        Fault::Unreached(_) => true,
        Fault::Refused(error) => takes_nothing(error),
        _ => false,
    }
}
