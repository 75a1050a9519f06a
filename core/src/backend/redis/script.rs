//! The scripts that the server runs, and calls of them.
//!
//! A script is one step to the server, so a lock, a value and an expiry are looked at and changed together, in one
//! round trip. It is called by its SHA-1; only a server that does not know it, after a start or `SCRIPT FLUSH`, is sent
//! its text, and keeps it. Every command in them exists since Redis 6.0, but for `PEXPIRETIME`, which they can do
//! without, and all keys are passed as such, as users whose rights are limited by a key pattern need it.

use std::borrow::Cow;
use std::sync::OnceLock;

use redis::Cmd;

use super::slots;

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

/// A script with what it is given.
pub struct Call<'a> {
    script: &'static Script,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Cow<'a, [u8]>>,
    /// Whether it was sent before and the answer was lost. Scripts are told so last.
    pub repeated: bool,
}

impl<'a> Call<'a> {
    /// A call of `script` with these keys.
    pub fn new(script: &'static Script, keys: Vec<Vec<u8>>) -> Call<'a> {
        Call { script, keys, arguments: Vec::with_capacity(7), repeated: false }
    }

    /// Adds a key.
    pub fn key(&mut self, key: Vec<u8>) {
        self.keys.push(key);
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

    /// The command that runs it: by its hash, or with its text for a server that does not know it.
    pub fn command(&self, by_hash: bool) -> Cmd {
        let bytes: usize = self.keys.iter().map(Vec::len).sum::<usize>()
            + self.arguments.iter().map(|argument| argument.len()).sum::<usize>();
        let mut command = Cmd::with_capacity(4 + self.keys.len() + self.arguments.len(), bytes + 64);
        match by_hash {
            true => command.arg("EVALSHA").arg(self.script.hash()),
            false => command.arg("EVAL").arg(self.script.text),
        };
        command.arg(self.keys.len());
        for key in &self.keys {
            command.arg(key.as_slice());
        }
        for argument in &self.arguments {
            command.arg(argument.as_ref());
        }
        command.arg(if self.repeated { "1" } else { "" });
        command
    }
}
