//! An open store: what all threads of a process share of one directory. Opened on first use after the last fork,
//! once for each directory, however many sites of the process use it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::background::{self, Alarm, Chore};
use crate::backend::embedded::Embedded;
use crate::buffer::{self, Buffer, place::Place};
use crate::buffered::{Buffered, Parts};
use crate::config::{Settings, StoreUrl};
use crate::directory;
use crate::error::{Error, Result};
use crate::lock::HostLocks;
use crate::notices::Notices;
use crate::owner::Owner;
use crate::process;
use crate::record::now;
use crate::shared::{Counter, Shared};
use crate::store::{Store, Sweep};

/// Sessions collected in one transaction by the background thread; bounds it to a few milliseconds.
const SLICE: usize = 500;
/// The same where somebody waits for the end: fewer, larger transactions are faster.
const LARGE_SLICE: usize = 20_000;

/// An open store.
pub struct Host {
    directory: PathBuf,
    shared: Arc<Shared>,
    notices: Arc<Notices>,
    kind: Kind,
    flush_interval: Duration,
    limit: Duration,
    alarm: Alarm,
    gc_wanted: AtomicBool,
    /// Lets others see that this process uses the directory.
    _owner: Arc<Owner>,
}

enum Kind {
    Buffered(Buffered<Embedded>),
    /// `rustdb.buffer_size = 0`
    Plain(Embedded),
}

static OPEN: Mutex<(u32, Option<HashMap<PathBuf, Arc<Host>>>)> = Mutex::new((0, None));

/// What phpinfo shows of a store.
#[derive(Debug, Clone)]
pub struct Report {
    /// The directory.
    pub directory: PathBuf,
    /// Bytes of the store's file in use.
    pub store_bytes: u64,
    /// The buffer, if there is one.
    pub buffer: Option<buffer::Report>,
}

impl Host {
    /// The open store that these settings mean; opens it if this process has not done so yet.
    pub fn open(settings: &Settings) -> Result<Arc<Host>> {
        let directory = match &settings.store {
            StoreUrl::Default { save_path } => directory::default_store(save_path)?,
            StoreUrl::Embedded(path) => {
                directory::prepare(path)?;
                path.clone()
            }
        };
        let directory = directory
            .canonicalize()
            .map_err(|cause| Error::io(format_args!("cannot use the session directory {}", directory.display()), &cause))?;
        process::watch_forks();
        let mut open = OPEN.lock();
        if open.0 != process::generation() {
            // A child never touches what its parent opened; it only forgets where it is.
            std::mem::forget(open.1.take());
            open.0 = process::generation();
        }
        let hosts = open.1.get_or_insert_default();
        if let Some(host) = hosts.get(&directory) {
            return Ok(Arc::clone(host));
        }
        let host = Arc::new(Host::open_directory(&directory, settings)?);
        hosts.insert(directory, Arc::clone(&host));
        // A process that was killed may have left something to flush.
        host.wake(false);
        Ok(host)
    }

    fn open_directory(directory: &Path, settings: &Settings) -> Result<Host> {
        let notices = Arc::new(Notices::default());
        let place = (settings.buffer_size > 0).then(|| Place::new(directory, settings.buffer_size));
        // All of it under one open-lock: that nobody else uses the directory is only true until it is let go.
        let (owner, (shared, store, live)) = Owner::join(directory, |owner| {
            let shared = Arc::new(Shared::open(directory)?);
            let (store, set_aside) = Embedded::open(directory, owner.was_first())?;
            if let Some(set_aside) = set_aside {
                notices.note(set_aside.to_error());
            }
            let live = place.as_ref().map(|place| place.open(owner.was_first())).transpose()?;
            Ok((shared, store, live))
        })?;
        let owner = Arc::new(owner);
        let kind = match place.zip(live) {
            None => Kind::Plain(store),
            Some((place, live)) => Kind::Buffered(Buffered::new(Parts {
                buffer: Buffer::new(live, place, Arc::clone(&owner), Arc::clone(&shared)),
                store,
                write: settings.write,
                limit: settings.lock_wait,
                locks: HostLocks::open(directory, Arc::clone(&shared))?,
                shared: Arc::clone(&shared),
            })),
        };
        Ok(Host {
            directory: directory.to_owned(),
            shared,
            notices,
            kind,
            flush_interval: settings.flush_interval,
            limit: settings.lock_wait,
            alarm: Alarm::default(),
            gc_wanted: AtomicBool::new(false),
            _owner: owner,
        })
    }

    /// The store's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The counters and wait queues.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Troubles to be written to the log.
    pub fn notices(&self) -> &Arc<Notices> {
        &self.notices
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        match &self.kind {
            Kind::Buffered(store) => store,
            Kind::Plain(store) => store,
        }
    }

    /// Tells the background thread that there is something to flush, within the flush interval or at once.
    pub fn wake(self: &Arc<Self>, at_once: bool) {
        if at_once || !self.alarm.is_set() {
            let chore: Arc<dyn Chore> = Arc::<Host>::clone(self);
            background::wake(&chore, at_once);
        }
    }

    /// Has the background thread collect garbage.
    pub fn want_gc(self: &Arc<Self>) {
        self.gc_wanted.store(true, Ordering::Release);
        self.wake(true);
    }

    /// Collects garbage now; returns how many sessions went.
    pub fn collect(&self) -> Result<u64> {
        match &self.kind {
            Kind::Buffered(store) => {
                store.flush(self.limit)?;
                Ok(store.collect(LARGE_SLICE, self.limit, &|| true)?.unwrap_or(0))
            }
            Kind::Plain(store) => self.sweep(store, LARGE_SLICE),
        }
    }

    fn sweep(&self, store: &Embedded, slice: usize) -> Result<u64> {
        self.shared.add(Counter::GcRuns, 1);
        let mut collected = 0;
        loop {
            let swept = store.sweep(now(), slice, 0, &mut |_| true)?;
            collected += swept.collected;
            self.shared.add(Counter::GcCollected, swept.collected);
            if !swept.more {
                return Ok(collected);
            }
        }
    }

    /// What phpinfo shows.
    pub fn report(&self) -> Result<Report> {
        let (store, buffer) = match &self.kind {
            Kind::Buffered(store) => (store.behind(), Some(store.buffer().report()?)),
            Kind::Plain(store) => (store, None),
        };
        Ok(Report { directory: self.directory.clone(), store_bytes: store.extent().1, buffer })
    }
}

impl Chore for Host {
    fn run(&self, last: bool) -> bool {
        let mut left = false;
        match &self.kind {
            Kind::Buffered(store) => {
                store.buffer().clear_dead_readers();
                store.behind().clear_dead_readers();
                // Left: what somebody else is flushing just now, what was written since, and the tombstones of
                // sessions in use.
                let flushed = store.flush(Duration::ZERO);
                match flushed.and_then(|_| store.buffer().unflushed(None, 1, 1)) {
                    Ok(waiting) => left |= !waiting.is_empty(),
                    Err(error) => {
                        left = true;
                        self.notices.note(error);
                    }
                }
                if !last && self.gc_wanted.swap(false, Ordering::AcqRel) {
                    // Between slices others may flush, and the processor is theirs.
                    let pause = || {
                        std::thread::sleep(Duration::from_millis(2));
                        true
                    };
                    if let Err(error) = store.collect(SLICE, Duration::from_secs(1), &pause) {
                        self.notices.note(error);
                    }
                }
            }
            Kind::Plain(store) => {
                if !last && self.gc_wanted.swap(false, Ordering::AcqRel) {
                    if let Err(error) = self.sweep(store, SLICE) {
                        self.notices.note(error);
                    }
                }
            }
        }
        left
    }

    fn interval(&self) -> Duration {
        self.flush_interval
    }

    fn alarm(&self) -> &Alarm {
        &self.alarm
    }
}
