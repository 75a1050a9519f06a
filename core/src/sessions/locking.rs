//! The lock that a session has on this machine.

use std::time::Duration;

use super::Sessions;
use crate::config::LockMode;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{HostLocks, LockKind, LockName};
use crate::record::SessionId;
use crate::shared::Counter;
use crate::store::Access;

impl Sessions {
    pub(super) fn lock(&self, id: SessionId<'_>, access: Access) -> Result<(Option<LockName>, Duration)> {
        if access == Access::ReadOnly {
            return Ok((None, Duration::ZERO));
        }
        let name = LockName::session(id);
        let kind = match self.settings.lock {
            LockMode::Exclusive => LockKind::Exclusive,
            // Shared, it holds nobody up, but shows that a request is under way.
            LockMode::None => LockKind::Shared,
        };
        let shared = self.host.shared();
        let waited = self.locks.lock(name, kind, self.settings.lock_wait)?;
        let spent = waited.unwrap_or(self.settings.lock_wait);
        if !spent.is_zero() {
            shared.add(Counter::LockWaits, 1);
            shared.add(Counter::LockWaitMicroseconds, spent.as_micros() as u64);
        }
        if waited.is_none() {
            shared.add(Counter::LockTimeouts, 1);
            return Err(Error::new(
                ErrorKind::LockTimeout,
                format!(
                    "another request has held this session for over {} seconds (rustdb.lock_wait); it runs too long, or \
                     should call session_write_close() sooner",
                    self.settings.lock_wait.as_secs_f64()
                ),
            ));
        }
        Ok((Some(name), spent))
    }
}

/// A lock that goes when this does, unless it is kept.
pub(super) struct Lock<'a> {
    pub(super) locks: &'a HostLocks,
    pub(super) name: Option<LockName>,
}

impl Lock<'_> {
    pub(super) fn keep(mut self) -> Option<LockName> {
        self.name.take()
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name {
            self.locks.unlock(name);
        }
    }
}
