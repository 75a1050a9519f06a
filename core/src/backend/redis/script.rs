//! The scripts that the server runs, and calls of them.
//!
//! A script is one step to the server, so a lock, a value and an expiry are looked at and changed together, in one
//! round trip. It is called by its SHA-1; only a server that does not know it, after a start or `SCRIPT FLUSH`, is sent
//! its text, and keeps it. Every command in them exists since Redis 6.0, but for `PEXPIRETIME`, which they can do
//! without, and all keys are passed as such, as users whose rights are limited by a key pattern need it.

use std::borrow::Cow;
use std::sync::OnceLock;

use redis::Value;

use super::packed::Packed;
use super::{node, slots};

/// A script.
pub struct Script {
    text: &'static str,
    hash: OnceLock<String>,
}

/// Takes a lease and reads.
pub static BEGIN: Script = Script::new(include_str!("begin.lua"));
/// Writes and lets go.
pub static COMMIT: Script = Script::new(include_str!("commit.lua"));
/// Makes a session and takes its lease.
pub static CREATE: Script = Script::new(include_str!("create.lua"));
/// Prolongs a lease.
pub static RENEW: Script = Script::new(include_str!("renew.lua"));
/// Writes and removes many sessions.
pub static APPLY: Script = Script::new(include_str!("apply.lua"));
/// Notes whose sessions they are.
pub static HINT: Script = Script::new(include_str!("hint.lua"));
/// Tells which sessions may be a user's.
pub static HINTS: Script = Script::new(include_str!("hints.lua"));
/// Removes those that are not.
pub static FORGET: Script = Script::new(include_str!("forget.lua"));
/// Asks for the owner's record, and makes it.
pub static OWNER: Script = Script::new(include_str!("owner.lua"));

impl Script {
    const fn new(text: &'static str) -> Script {
        Script { text, hash: OnceLock::new() }
    }

    fn hash(&self) -> &str {
        self.hash.get_or_init(|| redis::Script::new(self.text).get_hash().to_owned())
    }
}

/// How long a staged payload stays where no script follows, because the connection broke. One that ends before it is
/// used, on a server that stood still meanwhile, is sent again.
const STAGED: &[u8] = b"10000";

/// A script with what it is given, and perhaps a plain command before or behind it that carries a payload past it.
pub struct Call<'a> {
    script: &'static Script,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Cow<'a, [u8]>>,
    staged: Option<&'a [u8]>,
    reads: bool,
    /// Whether it was sent before and the answer was lost. Scripts are told so last.
    pub repeated: bool,
}

impl<'a> Call<'a> {
    /// A call of `script` with these keys.
    pub fn new(script: &'static Script, keys: Vec<Vec<u8>>) -> Call<'a> {
        Call { script, keys, arguments: Vec::with_capacity(7), staged: None, reads: false, repeated: false }
    }

    /// Adds a key.
    pub fn key(&mut self, key: Vec<u8>) {
        self.keys.push(key);
    }

    /// Adds a key that a `SET` right before the script gives this payload.
    pub fn stage(mut self, key: Vec<u8>, payload: &'a [u8]) -> Self {
        self.keys.push(key);
        self.staged = Some(payload);
        self
    }

    /// Has a `GET` of the first key behind the script, whose answer becomes the last of those that the script gives.
    pub fn reading(self) -> Self {
        Call { reads: true, ..self }
    }

    /// The slot of its keys in a cluster.
    pub fn slot(&self) -> u16 {
        self.keys.first().map_or(0, |key| slots::of(key))
    }

    /// Adds bytes.
    pub fn bytes(mut self, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        self.push(bytes);
        self
    }

    /// Adds a number.
    pub fn number(self, number: i64) -> Self {
        self.bytes(number.to_string().into_bytes())
    }

    /// Adds `1` or nothing.
    pub fn flag(self, flag: bool) -> Self {
        self.bytes(if flag { b"1".as_slice() } else { b"" })
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: impl Into<Cow<'a, [u8]>>) {
        self.arguments.push(bytes.into());
    }

    /// Adds the commands that run it: by its hash, or with its text for a server that does not know it. `once`: for a node
    /// of a cluster that another one named for this once.
    pub fn pack(&self, to: &mut Packed, by_hash: bool, once: bool) {
        let ask = |to: &mut Packed| {
            if once {
                to.push([b"ASKING".as_slice()]);
            }
        };
        if let (Some(payload), Some(key)) = (self.staged, self.keys.last()) {
            ask(to);
            to.push([b"PSETEX", key.as_slice(), STAGED, payload]);
        }
        ask(to);
        to.head(4 + self.keys.len() + self.arguments.len());
        match by_hash {
            true => [b"EVALSHA".as_slice(), self.script.hash().as_bytes()],
            false => [b"EVAL".as_slice(), self.script.text.as_bytes()],
        }
        .into_iter()
        .for_each(|word| to.word(word));
        to.word(self.keys.len().to_string().as_bytes());
        self.keys.iter().for_each(|key| to.word(key));
        self.arguments.iter().for_each(|argument| to.word(argument));
        to.word(if self.repeated { b"1" } else { b"" });
        if let (true, Some(key)) = (self.reads, self.keys.first()) {
            ask(to);
            to.push([b"GET".as_slice(), key]);
        }
    }

    /// The bytes that takes, or somewhat more.
    pub fn room(&self) -> usize {
        /// What stands before and behind a word.
        const WORD: usize = 16;
        let words = self.keys.iter().map(Vec::len).chain(self.arguments.iter().map(|argument| argument.len()));
        words.map(|length| length + WORD).sum::<usize>() + self.staged.map_or(0, <[u8]>::len) + 512
    }

    /// Takes the answers to what [`Call::pack`] added, and makes one of them.
    pub fn unpack(&self, answers: &mut impl Iterator<Item = Value>, once: bool) -> Option<Value> {
        let mut next = || {
            if once {
                answers.next();
            }
            answers.next()
        };
        if self.staged.is_some() {
            // If it was refused, the script says that there is no such key.
            next();
        }
        let answer = next()?;
        if !self.reads {
            return Some(answer);
        }
        match (answer, next()?) {
            (refused @ Value::ServerError(_), _) => Some(refused),
            // The slot has moved between them, so both are asked again there.
            (_, Value::ServerError(refused)) if node::is_elsewhere(&refused) => Some(Value::ServerError(refused)),
            (Value::Array(mut answers), payload) => {
                answers.push(payload);
                Some(Value::Array(answers))
            }
            (answer, _) => Some(answer),
        }
    }
}
