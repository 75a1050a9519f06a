//! A session in use, and what becomes of it.

use std::time::Duration;

use super::grace::Lead;
use crate::lock::LockName;
use crate::record::{Expiry, Version};
use crate::store::{Access, Lease};
use crate::visitor::Visitor;

/// A session in use, between `begin` and `release`.
#[derive(Debug)]
pub struct Held {
    pub(super) id: Box<[u8]>,
    /// The id that led to it.
    pub(super) asked: Option<Box<[u8]>>,
    /// What was found in its place, and where that leads to.
    pub(super) lead: Option<Lead>,
    /// What was read, for the id that may take the place of this one.
    pub(super) kept: Option<Vec<u8>>,
    pub(super) access: Access,
    pub(super) lock: Option<LockName>,
    pub(super) lease: Lease,
    /// What the store has: version and expiry.
    pub(super) known: Option<(Version, Expiry)>,
    /// Who used it last, as far as the store has said.
    pub(super) visitor: Visitor<'static>,
    /// What was read; taken by the first who asks.
    pub(super) payload: Option<Vec<u8>>,
    /// The same, given back: what the store has, for a comparison at the end.
    pub(super) before: Option<Vec<u8>>,
    /// Whether `commit` was called.
    pub(super) committed: bool,
    /// Whether a commit has let go of the lease.
    pub(super) spent: bool,
    pub(super) generation: u32,
    /// For the operator.
    pub report: Report,
}

impl Held {
    /// The id that it was asked for by.
    pub fn id(&self) -> &[u8] {
        self.asked.as_deref().unwrap_or(&self.id)
    }

    /// The id that the store has it by.
    pub fn own_id(&self) -> &[u8] {
        &self.id
    }

    /// The id that it goes by from now on, if it was asked for by one that leads there.
    pub fn take_its_own_id(&mut self) -> Option<&[u8]> {
        self.asked.take().map(|_| &*self.id)
    }

    /// Whether the session exists.
    pub fn exists(&self) -> bool {
        self.known.is_some()
    }

    /// Whether it was opened to be written, and not only to be read.
    pub fn may_write(&self) -> bool {
        self.access != Access::ReadOnly
    }

    /// The payload that was read, once; empty for a session that does not exist.
    pub fn take_payload(&mut self) -> Option<Vec<u8>> {
        self.payload.take()
    }
}

/// How a session fared in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Where it was found.
    pub source: Source,
    /// How long it waited for other requests of the same session.
    pub lock_wait: Duration,
    /// How long reading took, without that wait.
    pub read: Duration,
    /// What was written.
    pub written: Written,
    /// How long writing took.
    pub write: Duration,
}

/// Where a session was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the buffer.
    Buffer,
    /// In the store.
    Store,
    /// Nowhere.
    New,
}

/// What was written of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing: it was unchanged and not to expire soon.
    None,
    /// Its expiry.
    Touch,
    /// All of it.
    Write,
    /// Its end.
    Destroy,
}
