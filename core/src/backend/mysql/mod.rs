//! MySQL and MariaDB: one row a session, in a table of rustdb's own or of another program (`layout`).
//!
//! What a request costs is round trips, so each call is one packet of several statements (`connection`):
//!
//! ```text
//! begin    SET @rustdb = GET_LOCK; SELECT the session
//! commit   UPDATE, INSERT or DELETE, if @rustdb says that the lock is ours; RELEASE_LOCK
//! ```
//! or, with `?lock=lease`, the same with the lock as a row of a table of its own (`by_row`, `locks`), for clusters, where
//! `GET_LOCK` ends at the node.
//!
//! The lock is taken before the session is read, by a statement of its own, or on MariaDB by what is set for a
//! statement (`lease`): a `SELECT` that waits for a lock itself may answer with the state from before its wait. `begin`
//! and `commit` are that path; `lease` tells what a lock is worth, `statements` what they look like, `wire` how they
//! are sent, `packet` what comes back, `failure` what can go wrong, and `hosts` which server is asked.

mod batch;
mod begin;
mod by_row;
mod by_user;
mod commit;
mod connection;
mod create;
mod failure;
mod held;
mod hosts;
mod layout;
mod lease;
mod locks;
mod packet;
mod statements;
mod sweep;
mod table;
mod takes;
mod target;
mod visitors;
mod widen;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::RngExt;

pub use locks::LOCKS_DDL;
pub use table::DDL;

use self::connection::Connection;
use self::failure::{Cause, Failure};
use self::held::Held;
use self::hosts::Hosts;
use self::lease::Leases;
use self::table::Table;
use self::target::Target;
use crate::error::Result;
use crate::notices::Notices;
use crate::record::{Record, SessionId, Version, now};
use crate::server::Server;
use crate::store::{self, Access, Backend, Begun, Change, Committed, Lease, Store};

/// How often a statement is tried that others are in the way of.
const TRIES: usize = 3;

/// A store on a MySQL or MariaDB server.
pub struct Mysql {
    target: Arc<Target>,
    hosts: Hosts,
    /// The table, once somebody has looked at it.
    table: Mutex<Option<Arc<Table>>>,
    /// How far garbage collection has come in a table that it looks through by id.
    swept: Mutex<Option<Vec<u8>>>,
    /// Locks that connections hold.
    leases: Leases,
    /// Locks that are rows.
    held: Held,
    /// The first half of their tokens; see [`Mysql::on_machine`].
    machine: u64,
    /// Whether locks are rows, once it is known.
    by_row: Mutex<Option<bool>>,
    locking: bool,
    lock_wait: Duration,
    notices: Notices,
}

impl Mysql {
    /// The store that `server` names. Nothing is connected to before the first use. `locking`: whether `begin` takes
    /// leases, and waits up to `lock_wait` for one.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`], if its options say what cannot be.
    pub fn open(server: &Server, locking: bool, lock_wait: Duration) -> Result<Mysql> {
        Ok(Self::of(Target::of(server)?, locking, lock_wait))
    }

    /// The same, of a table that has to be there, and whose columns stay as they are; without leases.
    pub fn open_as_found(server: &Server) -> Result<Mysql> {
        Ok(Self::of(Target { as_found: true, ..Target::of(server)? }, false, Duration::ZERO))
    }

    fn of(target: Target, locking: bool, lock_wait: Duration) -> Mysql {
        Mysql {
            by_row: Mutex::new(target.by_row),
            hosts: Hosts::of(&target),
            target: Arc::new(target),
            table: Mutex::new(None),
            swept: Mutex::new(None),
            leases: Leases::default(),
            held: Held::default(),
            machine: rand::rng().random(),
            locking,
            lock_wait,
            notices: Notices::default(),
        }
    }

    /// The same, as one of several that share host locks: a lock that is a row with the number of the machine in it is
    /// known to be that of a process that died.
    pub fn on_machine(self, machine: u64) -> Mysql {
        Mysql { machine, ..self }
    }

    /// Whether locks are rows. If nobody has said so, the server tells whether it is one of several.
    fn by_row(&self) -> Result<bool> {
        if let Some(known) = *self.by_row.lock() {
            return Ok(known);
        }
        let (connection, _) = self.any_connection().map_err(|failure| failure.error)?;
        self.hosts.put(connection);
        Ok(self.is_by_row())
    }

    /// The same where a connection has been made.
    fn is_by_row(&self) -> bool {
        self.by_row.lock().unwrap_or(false)
    }

    /// A connection, and whether it has been idle, so that it may turn out to be closed.
    fn any_connection(&self) -> Result<(Connection, bool), Failure> {
        if let Some(connection) = self.hosts.idle() {
            return Ok((connection, true));
        }
        match self.hosts.connect() {
            Ok(connection) => {
                if self.target.by_row.is_none() {
                    // A server that was alone may have joined others since.
                    let mut by_row = self.by_row.lock();
                    *by_row = Some(connection.clustered || *by_row == Some(true));
                }
                Ok((connection, false))
            }
            Err(error) => Err(Failure { cause: Cause::Other, error }),
        }
    }

    /// How often something is tried: on each server, and some more.
    fn tries(&self) -> usize {
        TRIES + self.hosts.count() - 1
    }

    /// The table; looked at on first use.
    fn table(&self, connection: &mut Connection) -> Result<Arc<Table>, Failure> {
        if let Some(table) = &*self.table.lock() {
            return Ok(Arc::clone(table));
        }
        let found = Arc::new(Table::find(connection, &self.target)?);
        if self.locking && self.is_by_row() {
            self.locks().make(connection, &self.target)?;
        }
        *self.table.lock() = Some(Arc::clone(&found));
        Ok(found)
    }

    /// What a failure says about more than the connection it happened on, which was one to the server `host`.
    fn learn(&self, host: usize, failure: &Failure) {
        self.hosts.learn(host, failure);
        if failure.cause == Cause::NoTable {
            *self.table.lock() = None;
        }
    }

    /// Lets connections that were idle for a moment stay so for as long as they like. Returns whether others follow.
    fn relax(&self) -> bool {
        while let Some(mut connection) = self.hosts.take_if(|idle| idle.strict && idle.used.elapsed() >= lease::SILENCE)
        {
            match connection.run(lease::RELAX) {
                Ok(_) => {
                    connection.strict = false;
                    self.hosts.put(connection);
                }
                // Nobody used it, so nobody need hear of it.
                Err(failure) => self.learn(connection.host, &failure),
            }
        }
        self.hosts.any(|idle| idle.strict)
    }

    /// Runs `work`, which may be run again, on a connection that holds nothing, and returns the connection with the
    /// answer. A connection that fails is dropped, and with it whatever it came to hold.
    fn with<T>(&self, work: &mut dyn FnMut(&mut Connection, &Table) -> Result<T, Failure>) -> Result<(T, Connection)> {
        let mut tries = 1;
        loop {
            let (mut connection, idle) = self.any_connection().map_err(|failure| failure.error)?;
            let done = self.table(&mut connection).and_then(|table| work(&mut connection, &table));
            let failure = match done {
                Ok(done) => return Ok((done, connection)),
                Err(failure) => failure,
            };
            self.learn(connection.host, &failure);
            let another = self.hosts.are_several();
            let again = match failure.cause {
                Cause::Closed => idle || another,
                Cause::Silent | Cause::Unfit => another,
                Cause::Busy | Cause::NoTable => true,
                Cause::Duplicate | Cause::Other => false,
            };
            if !again || tries == self.tries() {
                return Err(failure.error);
            }
            tries += 1;
        }
    }
}

impl Store for Mysql {
    fn begin(&self, id: SessionId<'_>, access: Access, known: Option<Version>) -> Result<Begun> {
        match access {
            Access::Fresh => Ok(Begun::fresh()),
            Access::Exclusive | Access::ExclusiveIfExists if self.locking => {
                let if_exists = access == Access::ExclusiveIfExists;
                match self.by_row()? {
                    true => self.begin_by_row(id, known, if_exists),
                    false => self.begin_alone(id, known, if_exists),
                }
            }
            _ => self.begin_shared(id, known),
        }
    }

    fn commit(&self, id: SessionId<'_>, change: Change<'_>, lease: Lease) -> Result<Committed> {
        match lease.token {
            0 => self.commit_shared(id, change, lease),
            token if self.held.has(token) => self.commit_by_row(id, change, lease),
            _ => self.commit_alone(id, change, lease),
        }
    }

    fn create(&self, id: SessionId<'_>, record: &Record<'_>) -> Result<Option<Lease>> {
        match self.locking {
            false => store::create_without_lease(self, id, record),
            true if self.by_row()? => self.create_by_row(id, record),
            true => self.create_alone(id, record),
        }
    }
}

impl Backend for Mysql {
    fn has_leases(&self) -> bool {
        self.locking
    }

    fn maintain(&self) -> bool {
        let held = self.leases.keep_alive(&mut |host, failure| {
            self.learn(host, &failure);
            self.notices.note(failure.error);
        });
        let (renewed, strict) = (self.renew(), self.relax());
        held || renewed || strict
    }

    fn notices(&self) -> &Notices {
        &self.notices
    }

    fn bytes(&self) -> Option<u64> {
        None
    }

    fn owner(&self, claim: Option<&str>) -> Result<Option<String>> {
        let (record, connection) = self.with(&mut |connection, table| {
            let Some(sql) = table.owner(claim, now())? else {
                return Ok(None);
            };
            let answers = connection.run(&sql)?;
            let record = answers.last().and_then(|answer| answer.first(0)).map(|record| table.plain(record));
            record.transpose()
        })?;
        self.hosts.put(connection);
        Ok(record)
    }
}
