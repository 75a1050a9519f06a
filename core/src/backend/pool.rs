//! Connections to a server that are kept between requests, and the circuit breaker.
//!
//! A request that has met a server that does not answer has waited long enough for all of them: for a moment
//! ([`PAUSE`]) others fail at once, and then one tries again.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::{Error, Result};

/// How long after a failure to connect nobody else tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Connections that nobody uses just now.
#[derive(Debug)]
pub struct Pool<C> {
    idle: Mutex<Vec<C>>,
    failure: Mutex<Option<(Instant, Error)>>,
}

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Pool { idle: Mutex::new(Vec::new()), failure: Mutex::new(None) }
    }
}

impl<C> Pool<C> {
    /// Takes the connection used last; `None`: all are in use.
    pub fn take(&self) -> Option<C> {
        self.idle.lock().pop()
    }

    /// Takes the connection that has been idle for longest of those that are `wanted`.
    pub fn take_if(&self, wanted: impl Fn(&C) -> bool) -> Option<C> {
        let mut idle = self.idle.lock();
        let found = idle.iter().position(wanted)?;
        Some(idle.remove(found))
    }

    /// Whether an idle connection is `wanted`.
    pub fn any(&self, wanted: impl Fn(&C) -> bool) -> bool {
        self.idle.lock().iter().any(wanted)
    }

    /// Puts a healthy connection back.
    pub fn put(&self, connection: C) {
        self.idle.lock().push(connection);
    }

    /// Drops all idle connections: one was found broken, so the others are likely to be.
    pub fn clear(&self) {
        // Closed with the lock let go.
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    /// Makes a new connection, unless somebody failed to a moment ago.
    ///
    /// # Errors
    /// That of `connect`, for its caller and for all who come within the next second.
    pub fn connect(&self, connect: impl FnOnce() -> Result<C>) -> Result<C> {
        if let Some(error) = self.lately_failed() {
            return Err(error);
        }
        let connected = connect();
        self.note(connected.as_ref().err());
        connected
    }

    /// Why somebody failed to connect a moment ago.
    pub fn lately_failed(&self) -> Option<Error> {
        let failure = self.failure.lock();
        failure.as_ref().filter(|(at, _)| at.elapsed() < PAUSE).map(|(_, error)| error.clone())
    }

    /// Notes how connecting went.
    pub fn note(&self, failure: Option<&Error>) {
        *self.failure.lock() = failure.map(|error| (Instant::now(), error.clone()));
    }

    /// Notes that the server did not answer in time, so that nobody else waits for it during the next second.
    pub fn note_silence(&self, error: &Error) {
        self.clear();
        self.note(Some(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn who_comes_right_after_a_failure_fails_without_trying() {
        let pool: Pool<()> = Pool::default();
        let failure = || Err(Error::new(ErrorKind::Unreachable, "nobody there"));
        assert!(pool.connect(failure).is_err());
        let again = pool.connect(|| panic!("it is not tried"));
        assert_eq!(again.unwrap_err().to_string(), "nobody there");
        *pool.failure.lock() = Some((Instant::now() - PAUSE, Error::new(ErrorKind::Unreachable, "")));
        assert!(pool.connect(|| Ok(())).is_ok());
        assert!(pool.failure.lock().is_none());
    }

    #[test]
    fn of_those_that_are_wanted_the_one_idle_for_longest_is_taken() {
        let pool = Pool::default();
        [1, 2, 3, 4].into_iter().for_each(|connection| pool.put(connection));
        assert!(pool.any(|connection| *connection == 3));
        assert_eq!(pool.take_if(|connection| connection % 2 == 0), Some(2));
        assert_eq!(pool.take_if(|connection| *connection > 4), None);
        assert_eq!((pool.take(), pool.take(), pool.take()), (Some(4), Some(3), Some(1)));
        assert!(!pool.any(|_| true));
    }
}
