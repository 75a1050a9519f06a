//! Increments by several machines at once, and what they were told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rustdb_core::backend::redis::Redis;
use rustdb_core::record::Record;
use rustdb_core::store::{Access, Change, Committed, Found, Store};

use crate::contract_support::{id, in_an_hour, read};

/// Sessions that are counted up.
pub struct Load {
    names: Vec<String>,
    /// Of each session, the increments that were acknowledged.
    acknowledged: Vec<AtomicU64>,
    /// The commits that failed: each may have been carried out, or not.
    unsure: Vec<AtomicU64>,
    refused: AtomicU64,
    longest: AtomicU64,
    stop: AtomicBool,
    failure: Mutex<Option<String>>,
}

/// The end of a load.
pub struct End<'a>(&'a Load);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, SeqCst);
    }
}

impl Load {
    /// On so many sessions.
    pub fn on(sessions: usize) -> Load {
        let zeros = || (0..sessions).map(|_| AtomicU64::new(0)).collect();
        Load {
            names: (0..sessions).map(|number| format!("session-{number}")).collect(),
            acknowledged: zeros(),
            unsure: zeros(),
            refused: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            failure: Mutex::new(None),
        }
    }

    /// Counts up until told to stop, beginning with the session `first`.
    pub fn work(&self, store: &Redis, first: usize) {
        for turn in first.. {
            if self.stop.load(SeqCst) {
                return;
            }
            let place = turn * 7 % self.names.len();
            let name = &self.names[place];
            let begun = Instant::now();
            match store.begin(id(name), Access::Exclusive, None) {
                Err(error) => {
                    self.refused.fetch_add(1, SeqCst);
                    *self.failure.lock().unwrap() = Some(error.to_string());
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(begun) => {
                    let count = match begun.found {
                        Found::Record(record) => counted(name, &record.payload),
                        _ => 0,
                    };
                    let payload = format!("{name}={}", count + 1).into_bytes();
                    let record = Record::new(payload, in_an_hour());
                    match store.commit(id(name), Change::Write(&record), begun.lease) {
                        Ok(Committed::Done) => self.acknowledged[place].fetch_add(1, SeqCst),
                        Ok(_) => self.refused.fetch_add(1, SeqCst),
                        Err(error) => {
                            *self.failure.lock().unwrap() = Some(error.to_string());
                            self.unsure[place].fetch_add(1, SeqCst)
                        }
                    };
                }
            }
            self.longest.fetch_max(begun.elapsed().as_millis() as u64, SeqCst);
        }
    }

    /// Has everybody stop when it is dropped, by a test that failed too.
    pub fn ends_here(&self) -> End<'_> {
        End(self)
    }

    /// What was acknowledged so far, of each session.
    pub fn acknowledged(&self) -> Vec<u64> {
        self.acknowledged.iter().map(|count| count.load(SeqCst)).collect()
    }

    /// The same, all together.
    pub fn total(&self) -> u64 {
        self.acknowledged().iter().sum()
    }

    /// How many calls failed or changed nothing.
    pub fn trouble(&self) -> u64 {
        self.refused.load(SeqCst) + self.unsure.iter().map(|count| count.load(SeqCst)).sum::<u64>()
    }

    /// What the last failure said.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap().clone()
    }

    /// How long the slowest increment took.
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(SeqCst))
    }

    /// Compares what is there with what was acknowledged: nothing may be missing, but for what was acknowledged in a
    /// stretch in which it may have been lost with a master: for each session, from `since` to `until`.
    pub fn check(&self, store: &Redis, since: &[u64], until: &[u64]) {
        // Who has met a server that did not answer asks nobody for a second.
        crate::server::until("the machine asks again", || {
            store.begin(id(&self.names[0]), Access::ReadOnly, None).is_ok()
        });
        for (place, name) in self.names.iter().enumerate() {
            let count = read(store, name).map_or(0, |payload| counted(name, &payload));
            let acknowledged = self.acknowledged[place].load(SeqCst);
            let least = acknowledged - (until[place] - since[place]);
            let most = acknowledged + self.unsure[place].load(SeqCst);
            assert!((least..=most).contains(&count), "{name}: {count}, and not {least} to {most}");
        }
    }

    /// Compares what is there with what was acknowledged: exactly that.
    pub fn check_exactly(&self, store: &Redis) {
        assert_eq!(self.trouble(), 0, "{:?}", self.failure());
        let counts = self.acknowledged();
        self.check(store, &counts, &counts);
    }
}

fn counted(name: &str, payload: &[u8]) -> u64 {
    let text = std::str::from_utf8(payload).unwrap();
    let (session, count) = text.split_once('=').unwrap();
    assert_eq!(session, name, "a session has another one's content");
    count.parse().unwrap()
}
