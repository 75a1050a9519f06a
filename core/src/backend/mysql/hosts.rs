//! The servers that `rustdb.store` names, and the connections to each of them that nobody uses just now.
//!
//! A new connection goes to the first server that takes one. One that did not, did not answer, or said that it is not
//! the one to write to, comes last for a while ([`HOLD_OFF`]), so that a request in that time does not wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::connection::Connection;
use super::failure::{Cause, Failure};
use super::target::Target;
use crate::backend::pool::Pool;
use crate::error::{Error, ErrorKind};

/// For how long a server that failed is asked after the others.
const HOLD_OFF: Duration = Duration::from_secs(10);

/// The servers.
pub(super) struct Hosts(Vec<Host>);

struct Host {
    /// With this server alone.
    target: Arc<Target>,
    pool: Pool<Connection>,
    /// Whether it failed to answer when it was asked last.
    wary: AtomicBool,
    failed: Mutex<Option<Instant>>,
}

impl Host {
    fn is_held_off(&self) -> bool {
        self.failed.lock().is_some_and(|at| at.elapsed() < HOLD_OFF)
    }

    fn connect(&self, number: usize, several: bool) -> crate::error::Result<Connection> {
        self.pool.connect(|| {
            let opened = Connection::open(&self.target, number, self.wary.load(Ordering::Relaxed))
                .and_then(|connection| if several { connection.writable() } else { Ok(connection) });
            self.wary.store(opened.is_err(), Ordering::Relaxed);
            *self.failed.lock() = opened.is_err().then(Instant::now);
            opened.map_err(|failure| failure.error)
        })
    }
}

impl Hosts {
    /// Those of `target`.
    pub(super) fn of(target: &Target) -> Hosts {
        let host = |target| Host {
            target: Arc::new(target),
            pool: Pool::default(),
            wary: AtomicBool::new(false),
            failed: Mutex::new(None),
        };
        Hosts(target.each().into_iter().map(host).collect())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether there are several, so that another one may do what one does not.
    pub(super) fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// A connection that was idle, so that it may turn out to be closed.
    pub(super) fn idle(&self) -> Option<Connection> {
        self.0.iter().find_map(|host| host.pool.take())
    }

    /// A new connection.
    pub(super) fn connect(&self) -> crate::error::Result<Connection> {
        let mut order: Vec<(usize, &Host)> = self.0.iter().enumerate().collect();
        order.sort_by_key(|(_, host)| host.is_held_off());
        let mut errors = Vec::new();
        for (number, host) in order {
            match host.connect(number, self.are_several()) {
                Ok(connection) => return Ok(connection),
                Err(error) => errors.push(error),
            }
        }
        Err(all_of(errors))
    }

    /// Keeps a healthy connection.
    pub(super) fn put(&self, connection: Connection) {
        self.0[connection.host].pool.put(connection);
    }

    /// What a failure says about the server that it happened on, and its other connections.
    pub(super) fn learn(&self, host: usize, failure: &Failure) {
        let host = &self.0[host];
        let passed_over = || {
            host.pool.note_silence(&failure.error);
            *host.failed.lock() = Some(Instant::now());
        };
        match failure.cause {
            // Others that were idle broke as well.
            Cause::Closed => host.pool.clear(),
            Cause::Silent => {
                host.wary.store(true, Ordering::Relaxed);
                passed_over();
            }
            Cause::Unfit if self.are_several() => passed_over(),
            // Reading may still do.
            Cause::Unfit => host.pool.clear(),
            Cause::NoTable | Cause::Busy | Cause::Duplicate | Cause::Other => {}
        }
    }

    /// Takes an idle connection that is `wanted`.
    pub(super) fn take_if(&self, wanted: impl Fn(&Connection) -> bool) -> Option<Connection> {
        self.0.iter().find_map(|host| host.pool.take_if(&wanted))
    }

    /// Whether an idle connection is `wanted`.
    pub(super) fn any(&self, wanted: impl Fn(&Connection) -> bool) -> bool {
        self.0.iter().any(|host| host.pool.any(&wanted))
    }
}

/// One error of those that all servers gave.
fn all_of(mut errors: Vec<Error>) -> Error {
    if errors.len() == 1 {
        return errors.remove(0);
    }
    let kinds: Vec<ErrorKind> = errors.iter().map(Error::kind).collect();
    let kind = kinds.into_iter().find(|kind| *kind != ErrorKind::Unreachable).unwrap_or(ErrorKind::Unreachable);
    let texts: Vec<String> = errors.iter().map(Error::to_string).collect();
    Error::new(kind, texts.join("; and "))
}
