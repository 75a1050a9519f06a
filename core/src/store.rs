//! The contract between sessions and the places that keep them.
//!
//! Opaque bytes, an absolute expiry and the visitor cross it, nothing else. There are two calls, because on a store across a
//! network a round trip is the unit of cost: one takes the lock and reads, one writes and lets go; and one for a session
//! that takes the place of another, which writes and takes the lock. Powers that not
//! every store has are traits of their own ([`Batch`], [`Sweep`], [`ByUser`]), so that a basic store stays short. A store in
//! front of another store is a store too: [`crate::buffered::Buffered`].

use crate::error::{Error, ErrorKind, Result};
use crate::notices::Notices;
use crate::record::{Expiry, Record, SessionId, Version};
use crate::visitor::Visitor;

/// How a session is going to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is only read: no lock is taken, and nothing is written.
    ReadOnly,
    /// It is read and will be written; it may not exist yet.
    Exclusive,
    /// As `Exclusive`, but a session that does not exist is neither locked nor made (strict mode asks so).
    ExclusiveIfExists,
    /// The id was made a moment ago from at least 128 random bits, so nobody has looked it up and nobody needs to.
    Fresh,
}

/// What `begin` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No such session, or it has expired.
    Missing,
    /// The version the caller knows is the current one; the payload was not sent again.
    Current(Expiry),
    /// The session.
    Record(Record<'static>),
}

/// What a request holds between `begin` and `commit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    /// Proof of ownership on stores that several machines share; 0 on a store with one owner.
    pub token: u128,
    /// Whether `begin` found a session. If it did and the session has been destroyed since, `commit` writes nothing.
    pub existed: bool,
    /// The id is new: `commit` refuses to write over a session that exists.
    pub fresh: bool,
    /// The session was read past the buffer, which may keep it from now on.
    pub unbuffered: bool,
}

/// The answer of `begin`.
#[derive(Debug)]
pub struct Begun {
    /// The session.
    pub found: Found,
    /// To be handed to `commit`.
    pub lease: Lease,
}

impl Begun {
    /// The answer for an id that was made a moment ago, which nobody looks up.
    pub fn fresh() -> Begun {
        Begun { found: Found::Missing, lease: Lease { fresh: true, ..Lease::default() } }
    }
}

/// What a request did to a session.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Nothing; it only lets go.
    None,
    /// The payload is as it was, the expiry moves, and this is who used it.
    Touch(Expiry, &'a Visitor<'a>),
    /// The session becomes `record`.
    Write(&'a Record<'a>),
    /// The session ends.
    Destroy,
}

/// The answer of `commit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Done.
    Done,
    /// There is nothing to touch: the store does not have the session any more, but nobody destroyed it.
    /// The caller, who has the payload, writes it again.
    Gone,
    /// Somebody destroyed the session after `begin`; it stays destroyed and nothing was written.
    Ended,
    /// The lease was lost to somebody else; nothing was written.
    LeaseLost,
    /// The id was said to be new and exists; nothing was written.
    Collision,
}

/// A place that keeps sessions. The caller holds the host lock of `id`, unless `access` is `ReadOnly`.
pub trait Store: Send + Sync {
    /// Takes the session's lease where stores are shared, and reads it: one round trip. Missing and expired are
    /// [`Found::Missing`], never an error. `known` is the version the caller has: a store may answer
    /// [`Found::Current`] instead of sending the payload again.
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun>;

    /// Applies the change and lets go of the lease: one round trip, atomically, and only while the lease is ours.
    /// A lease with the token 0 was not taken from a shared store: none is checked, and none is let go.
    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed>;

    /// Makes a session that the caller goes on with: writes `record` under an id that must not exist, and takes its lease,
    /// so that nobody who learns of the id comes in between: one round trip, atomically. `None`: there is such a session,
    /// or somebody has its lease, and nothing was done. Stores that several machines share have their own.
    fn create(&self, id: SessionId<'_>, record: &Record<'_>) -> Result<Option<Lease>> {
        create_without_lease(self, id, record)
    }
}

/// [`Store::create`] where there are no leases.
pub(crate) fn create_without_lease<S: Store + ?Sized>(
    store: &S,
    id: SessionId<'_>,
    record: &Record<'_>,
) -> Result<Option<Lease>> {
    let committed = store.commit(id, Change::Write(record), Begun::fresh().lease)?;
    Ok((committed == Committed::Done).then(|| Lease { existed: true, ..Lease::default() }))
}

/// A store that takes many changes in one transaction.
pub trait Batch: Store {
    /// Applies all of `changes`, each an id and its encoded entry ([`crate::entry`]), or none of them. They are
    /// durable when this returns.
    fn apply(&self, changes: &mut dyn Iterator<Item = (SessionId<'_>, &[u8])>) -> Result<()>;
}

/// A session as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: Box<[u8]>,
    /// When it ends.
    pub expires: Expiry,
    /// Who used it last.
    pub visitor: Visitor<'static>,
}

/// A question for the sessions of a user.
#[derive(Clone, Copy)]
pub struct Whose<'a> {
    /// The user ([`crate::visitor::User`]).
    pub user: &'a str,
    /// Sessions that have expired by then are none.
    pub now: i64,
    /// The most that are wanted.
    pub limit: usize,
    /// Whether a payload is a session of the user's, for a store that cannot tell otherwise. `None`: it names nobody, as
    /// far as can be read here; another site on the same store may know better.
    pub is_theirs: &'a dyn Fn(&[u8]) -> Option<bool>,
}

/// A store that finds sessions by their user.
pub trait ByUser: Store {
    /// Sessions of a user. A session counts as the user's from the commit whose visitor said so, until one says something
    /// else.
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>>;
}

/// A store as a host keeps it open.
pub trait Backend: Batch + Sweep + ByUser {
    /// Whether several machines share it, so that `begin` takes leases, which end with `commit`.
    fn has_leases(&self) -> bool;
    /// What has to be done every second or so by the background thread: leases renewed, dead readers cleared.
    /// Returns whether leases are held, so that it has to be called again.
    fn maintain(&self) -> bool;
    /// Troubles that are told to nobody else.
    fn notices(&self) -> &Notices;
    /// Bytes that the store takes, if that can be told for nothing.
    fn bytes(&self) -> Option<u64>;
    /// The record of the one owner of a store that has one; `claim` becomes it if there is none.
    fn owner(&self, claim: Option<&str>) -> Result<Option<String>>;
}

impl Store for Box<dyn Backend> {
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun> {
        (**self).begin(id, access, known)
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        (**self).commit(id, change, lease)
    }

    fn create(&self, id: SessionId<'_>, record: &Record<'_>) -> Result<Option<Lease>> {
        (**self).create(id, record)
    }
}

impl Batch for Box<dyn Backend> {
    fn apply(&self, changes: &mut dyn Iterator<Item = (SessionId<'_>, &[u8])>) -> Result<()> {
        (**self).apply(changes)
    }
}

impl Sweep for Box<dyn Backend> {
    fn sweep(
        &self,
        now: i64,
        limit: usize,
        skip: usize,
        may_collect: &mut dyn FnMut(SessionId<'_>) -> bool,
    ) -> Result<Swept> {
        (**self).sweep(now, limit, skip, may_collect)
    }
}

impl ByUser for Box<dyn Backend> {
    fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        (**self).of_user(whose)
    }
}

/// How far a sweep came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Expired sessions removed.
    pub collected: u64,
    /// Expired sessions that stay because somebody is using them.
    pub kept: u64,
    /// Whether more may be waiting.
    pub more: bool,
}

/// A store that can be told to remove what has expired.
pub trait Sweep: Store {
    /// Removes sessions that have expired before `now`, passing over the first `skip` of them and those for which
    /// `may_collect` says no. Looks at up to `limit`, or at fewer: `more` says whether to go on.
    fn sweep(
        &self,
        now: i64,
        limit: usize,
        skip: usize,
        may_collect: &mut dyn FnMut(SessionId<'_>) -> bool,
    ) -> Result<Swept>;
}

/// The failure of a request that waited too long for others to write.
pub(crate) fn too_slow() -> Error {
    Error::new(ErrorKind::Full, "the session store did not take the session in time; see what slows the disk")
}
