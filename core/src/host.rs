//! An open store: what all threads of a process share of one directory. Opened on first use after the last fork,
//! once for each directory, however many sites of the process use it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use twox_hash::XxHash3_64;

use crate::backend::embedded::Embedded;
use crate::backend::mysql::Mysql;
use crate::backend::redis::Redis;
use crate::background::{self, Alarm, Chore};
use crate::buffer::{self, Buffer, epoch::Epochs, place::Place};
use crate::buffered::{Buffered, Parts};
use crate::chain::{Chain, copies::Copies, front::Front};
use crate::claim;
use crate::collector::{self, Collection};
use crate::config::{LockMode, Settings, StoreUrl};
use crate::directory;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::flusher::Flusher;
use crate::lock::{HostLocks, LockName};
use crate::notices::Notices;
use crate::owner::Owner;
use crate::process;
use crate::record::{Record, SessionId};
use crate::server::{Product, Server};
use crate::shared::Shared;
use crate::store::{Backend, ByUser, Change, Committed, Lease, Listed, Store, Whose};
use crate::unbuffered::Unbuffered;

/// Sessions collected in one transaction by the background thread; bounds it to a few milliseconds.
const SLICE: usize = 500;
/// The same where somebody waits for the end: fewer, larger transactions write fewer pages twice. 50,000 write pages of
/// 200 MB at most, about half of what LMDB keeps in memory before it writes some early, and hold the right to write for a
/// second.
const LARGE_SLICE: usize = 50_000;

/// How often leases are renewed: several times in the shortest lifetime a store gives them.
const MAINTENANCE: Duration = Duration::from_secs(1);

/// How often a process that has changes looks whether the buffer was deleted, however long its flush interval is: others
/// wait for it then, [`buffer::LONGEST_DRAIN`] at most.
const WATCH: Duration = Duration::from_secs(3);

/// An open store.
pub struct Host {
    /// As `rustdb.store` names it, without a password.
    name: String,
    directory: PathBuf,
    shared: Arc<Shared>,
    notices: Notices,
    kind: Kind,
    /// Whether the store is on a server, so that each look into it costs a round trip.
    is_far: bool,
    /// In nanoseconds; the shortest that any site of the process has set.
    flush_interval: AtomicU64,
    limit: Duration,
    alarm: Alarm,
    gc_wanted: AtomicBool,
    /// Whether the background thread is to flush whatever the interval.
    hurried: AtomicBool,
    /// When it did so last.
    flushed: Mutex<Instant>,
    /// Lets others see that this process uses the directory.
    _owner: Arc<Owner>,
}

enum Kind {
    Buffered(Box<Buffered<Box<dyn Backend>>>),
    /// `rustdb.buffer_size = 0`.
    Unbuffered(Unbuffered<Box<dyn Backend>>),
    /// Shared by many machines, so that only the store itself knows what is current. The flusher lock lets one process
    /// at a time collect garbage.
    Shared(Box<dyn Backend>, Flusher),
}

/// A directory, and for a store on a server a hash of everything that was said about it: who has another password does
/// not get another's connection.
type Key = (PathBuf, u64);

/// Open stores.
type Hosts = HashMap<Key, Arc<Host>>;

/// The generation of the process that opened them, and the stores.
static OPEN: Mutex<(u32, Option<Hosts>)> = Mutex::new((0, None));

/// What phpinfo shows of a store.
#[derive(Debug, Clone)]
pub struct Report {
    /// The store, as `rustdb.store` names it, without a password.
    pub store: String,
    /// The directory.
    pub directory: PathBuf,
    /// Bytes of the store in use, if that is known.
    pub store_bytes: Option<u64>,
    /// The buffer, if there is one.
    pub buffer: Option<buffer::Report>,
}

impl Host {
    /// The open store that these settings mean; opens it if this process has not done so yet.
    pub fn open(settings: &Settings) -> Result<Arc<Host>> {
        let (directory, variant) = match &settings.store {
            StoreUrl::Default { save_path } => (directory::default_store(save_path)?, 0),
            StoreUrl::Embedded(path) => {
                directory::prepare(path)?;
                (path.clone(), 0)
            }
            StoreUrl::Server { server, front, save_path } => {
                let name = format!("server-{:016x}", XxHash3_64::oneshot(server.identity().as_bytes()));
                let path = directory::default_store(save_path)?.join(name);
                directory::prepare(&path)?;
                let mut hasher = DefaultHasher::new();
                (server, front, settings.multi_host, settings.lock, settings.lock_wait).hash(&mut hasher);
                (path, hasher.finish())
            }
        };
        let directory = directory.canonicalize().map_err(|cause| {
            Error::io(format_args!("cannot use the session directory {}", directory.display()), &cause)
        })?;
        process::watch_forks();
        let mut open = OPEN.lock();
        if open.0 != process::generation() {
            // A child never touches what its parent opened; it only forgets where it is.
            std::mem::forget(open.1.take());
            open.0 = process::generation();
        }
        let hosts = open.1.get_or_insert_default();
        let key = (directory, variant);
        if let Some(host) = hosts.get(&key) {
            host.flush_interval.fetch_min(settings.flush_interval.as_nanos() as u64, Ordering::Relaxed);
            return Ok(Arc::clone(host));
        }
        let begun = Instant::now();
        let host = loop {
            let opened = match &settings.store {
                StoreUrl::Server { server, front, .. } if settings.multi_host => {
                    Host::open_shared(&key.0, server, front.as_deref(), settings)
                }
                _ => Host::open_alone(&key.0, settings),
            };
            match opened {
                Err(error) if error.kind() == ErrorKind::Draining && begun.elapsed() < buffer::LONGEST_DRAIN => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                opened => break Arc::new(opened?),
            }
        };
        if let Kind::Buffered(store) = &host.kind {
            let host = Arc::downgrade(&host);
            store.buffer().wake_by(move || host.upgrade().iter().for_each(|host| host.wake(false)));
        }
        hosts.insert(key, Arc::clone(&host));
        // A process that was killed may have left something to flush.
        host.wake(false);
        Ok(host)
    }

    /// Opens a store that this machine has for itself.
    fn open_alone(directory: &Path, settings: &Settings) -> Result<Host> {
        let notices = Notices::default();
        let buffered = settings.buffer_size > 0;
        let mut name = format!("embedded://{}", directory.display());
        // All of it under one open-lock: that nobody else uses the directory is only true until it is let go.
        let (owner, (shared, store, place, live)) = Owner::join(directory, buffered, |owner| {
            let shared = Arc::new(Shared::open(directory)?);
            let (store, mark): (Box<dyn Backend>, u64) = match &settings.store {
                StoreUrl::Server { server, .. } => {
                    name = server.to_string();
                    let store = open_server(server, settings, &shared)?;
                    let mark = claim::claim(&*store, server, directory)?;
                    (store, mark)
                }
                _ => {
                    let (store, set_aside) = Embedded::open(directory, owner.was_first())?;
                    if let Some(set_aside) = set_aside {
                        notices.note(set_aside.to_error());
                    }
                    let mark = store.mark();
                    (Box::new(store), mark)
                }
            };
            let place = Place::new(directory, mark, settings.buffer_size);
            // Without a buffer from now on: what an earlier one has goes to the store first.
            let epochs = Epochs { owner, shared: &shared, mine: None };
            let live = match buffered {
                true => Some(place.open(owner.was_first(), epochs)?),
                false if owner.was_first() => place.existing(epochs)?,
                false => None,
            };
            Ok((shared, store, place, live))
        })?;
        let owner = Arc::new(owner);
        let locks = || HostLocks::open(directory, Arc::clone(&shared));
        let unbuffered = |store| -> Result<Kind> {
            let flusher = Flusher::new(locks()?);
            Ok(Kind::Unbuffered(Unbuffered::new(store, flusher, settings.lock_wait, Arc::clone(&shared))))
        };
        let kind = match live {
            None => unbuffered(store)?,
            Some(live) => {
                let path = live.directory.clone();
                let store = Buffered::new(Parts {
                    buffer: Buffer::new(live, place, Arc::clone(&owner), Arc::clone(&shared)),
                    store,
                    limit: settings.lock_wait,
                    locks: locks()?,
                    shared: Arc::clone(&shared),
                });
                if buffered {
                    Kind::Buffered(Box::new(store))
                } else {
                    store.flush(settings.lock_wait)?;
                    std::fs::remove_dir_all(&path).map_err(|cause| {
                        Error::io(format_args!("cannot remove the session buffer {}", path.display()), &cause)
                    })?;
                    unbuffered(store.into_behind())?
                }
            }
        };
        Ok(Host {
            name,
            directory: directory.to_owned(),
            shared,
            notices,
            kind,
            is_far: matches!(settings.store, StoreUrl::Server { .. }),
            flush_interval: AtomicU64::new(settings.flush_interval.as_nanos() as u64),
            limit: settings.lock_wait,
            alarm: Alarm::default(),
            gc_wanted: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
            flushed: Mutex::new(Instant::now()),
            _owner: owner,
        })
    }

    /// Opens a store that other machines have too, perhaps with a front to it. Its directory is that of the same store without
    /// a front: they exclude each other.
    fn open_shared(directory: &Path, server: &Server, front: Option<&Front>, settings: &Settings) -> Result<Host> {
        let (owner, shared) = Owner::join(directory, false, |_| Shared::open(directory).map(Arc::new))?;
        let (name, store) = match front {
            None => (server.to_string(), open_server(server, settings, &shared)?),
            Some(front) => (format!("{} {server}", front.server), open_chain(front, server, settings, directory)?),
        };
        claim::refuse_owned(&*store, server)?;
        let flusher = Flusher::new(HostLocks::open(directory, Arc::clone(&shared))?);
        Ok(Host {
            name,
            directory: directory.to_owned(),
            shared,
            notices: Notices::default(),
            kind: Kind::Shared(store, flusher),
            is_far: true,
            flush_interval: AtomicU64::new(MAINTENANCE.as_nanos() as u64),
            limit: settings.lock_wait,
            alarm: Alarm::default(),
            gc_wanted: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
            flushed: Mutex::new(Instant::now()),
            _owner: Arc::new(owner),
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

    /// Where troubles are noted that are to be written to the log.
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Takes the troubles that are to be written to the log.
    pub fn take_notices(&self) -> Vec<Error> {
        let mut taken = self.notices.take();
        taken.extend(self.backend().notices().take());
        taken
    }

    /// Takes the troubles of all open stores of this process.
    pub fn take_all_notices() -> Vec<Error> {
        let open = OPEN.lock();
        let hosts = open.1.as_ref().filter(|_| open.0 == process::generation());
        hosts.map_or_else(Vec::new, |hosts| hosts.values().flat_map(|host| host.take_notices()).collect())
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        match &self.kind {
            Kind::Buffered(store) => &**store,
            Kind::Unbuffered(store) => store,
            Kind::Shared(store, _) => store,
        }
    }

    fn backend(&self) -> &dyn Backend {
        match &self.kind {
            Kind::Buffered(store) => &**store.behind(),
            Kind::Unbuffered(store) => &**store.behind(),
            Kind::Shared(store, _) => &**store,
        }
    }

    /// Writes a session with a fresh lease that is to be in the store before the request ends.
    pub fn insert(&self, id: SessionId<'_>, record: &Record<'_>, lease: Lease) -> Result<Committed> {
        match &self.kind {
            Kind::Buffered(store) if self.is_far => store.insert(id, record, lease),
            _ => self.store().commit(id, Change::Write(record), lease),
        }
    }

    /// Waits until a session that was committed is in the store. While a server is out of reach the buffer is enough:
    /// what it has is brought there when the server is back.
    pub fn flush_through(&self, id: SessionId<'_>, limit: Duration) -> Result<()> {
        self.is_flushed_through(id, limit).map(drop)
    }

    /// The same. Returns whether the store has it now; else it is out of reach.
    pub fn is_flushed_through(&self, id: SessionId<'_>, limit: Duration) -> Result<bool> {
        match &self.kind {
            Kind::Buffered(store) => match store.flush_through(id, limit) {
                Err(error) if error.kind() == ErrorKind::Unreachable => {
                    self.notices.note(error);
                    Ok(false)
                }
                flushed => flushed.map(|()| true),
            },
            Kind::Unbuffered(_) | Kind::Shared(..) => Ok(true),
        }
    }

    /// Forgets this store, so that the next who wants it opens what lies at its place now.
    pub fn forget(&self) {
        let mut open = OPEN.lock();
        if open.0 == process::generation() {
            if let Some(hosts) = &mut open.1 {
                hosts.retain(|_, host| !std::ptr::eq(Arc::as_ptr(host), self));
            }
        }
    }

    /// Tells the background thread that there is something to flush, within the flush interval or at once.
    pub fn wake(self: &Arc<Self>, at_once: bool) {
        if at_once {
            self.hurried.store(true, Ordering::Release);
        }
        if at_once || !self.alarm.is_set() {
            let chore: Arc<dyn Chore> = Arc::<Host>::clone(self);
            background::wake(&chore, at_once);
        }
    }

    /// Tells the background thread that a session was written.
    pub fn wake_after_write(self: &Arc<Self>) {
        if let Kind::Buffered(store) = &self.kind {
            self.wake(store.presses());
        }
    }

    /// Whether several machines share the store, so that `begin` takes a lease of it.
    pub fn has_leases(&self) -> bool {
        self.backend().has_leases()
    }

    /// Has the background thread collect garbage.
    pub fn want_gc(self: &Arc<Self>) {
        self.gc_wanted.store(true, Ordering::Release);
        self.wake(true);
    }

    /// Collects garbage now; returns how many sessions went.
    pub fn collect(&self) -> Result<u64> {
        let collection = Collection { slice: LARGE_SLICE, limit: self.limit, pause: &|| true };
        let collected = match &self.kind {
            Kind::Buffered(store) => {
                store.flush(self.limit)?;
                store.collect(collection)?
            }
            Kind::Unbuffered(store) => store.collect(collection)?,
            Kind::Shared(store, flusher) => self.collect_shared(&**store, flusher, collection)?,
        };
        collected.ok_or_else(|| {
            Error::new(
                ErrorKind::Full,
                "no garbage was collected: another process has been writing to the session store all the time; see what \
                 slows the disk",
            )
        })
    }

    /// The sessions of a user; see [`crate::store::ByUser::of_user`].
    pub fn of_user(&self, whose: Whose<'_>) -> Result<Vec<Listed>> {
        match &self.kind {
            Kind::Buffered(store) => store.of_user(whose),
            Kind::Unbuffered(store) => store.of_user(whose),
            Kind::Shared(store, _) => store.of_user(whose),
        }
    }

    /// Collects garbage in the background. Returns whether it is to be tried again, as somebody else writes for long.
    fn collect_in_background(&self) -> Result<bool> {
        // Between slices others may flush, and the processor is theirs.
        let pause = || {
            std::thread::sleep(Duration::from_millis(2));
            !background::is_stopping()
        };
        let collection = Collection { slice: SLICE, limit: Duration::from_secs(1), pause: &pause };
        let collected = match &self.kind {
            Kind::Buffered(store) => store.collect(collection)?,
            Kind::Unbuffered(store) => store.collect(collection)?,
            Kind::Shared(store, flusher) => self.collect_shared(&**store, flusher, collection)?,
        };
        Ok(collected.is_none())
    }

    fn collect_shared(
        &self,
        store: &dyn Backend,
        flusher: &Flusher,
        collection: Collection<'_>,
    ) -> Result<Option<u64>> {
        collector::collect(store, flusher, &self.shared, collection, &|locks, id, _| {
            locks.is_free(LockName::session(id))
        })
    }

    /// What phpinfo shows.
    pub fn report(&self) -> Result<Report> {
        let buffer = match &self.kind {
            Kind::Buffered(store) => Some(store.buffer().report()?),
            Kind::Unbuffered(_) | Kind::Shared(..) => None,
        };
        let store_bytes = self.backend().bytes();
        Ok(Report { store: self.name.clone(), directory: self.directory.clone(), store_bytes, buffer })
    }
}

/// A chain: `front` has copies of what is in the store of `server`, which is a MySQL.
fn open_chain(front: &Front, server: &Server, settings: &Settings, directory: &Path) -> Result<Box<dyn Backend>> {
    let redis = Redis::open(&front.server, false, Duration::ZERO)?;
    let mysql = Mysql::open(server, settings.lock == LockMode::Exclusive, settings.lock_wait)?;
    let name = format!("copies-{:016x}", XxHash3_64::oneshot(front.server.identity().as_bytes()));
    Ok(Box::new(Chain::new(redis, mysql, Copies::open(directory, &name)?, front.least)))
}

/// A store on a server. Leases are for those that several machines share.
fn open_server(server: &Server, settings: &Settings, shared: &Shared) -> Result<Box<dyn Backend>> {
    let leases = settings.multi_host && settings.lock == LockMode::Exclusive;
    Ok(match server.product {
        Product::Mysql => Box::new(Mysql::open(server, leases, settings.lock_wait)?.on_machine(shared.machine())),
        Product::Redis => Box::new(Redis::open(server, leases, settings.lock_wait)?.on_machine(shared.machine())),
    })
}

impl Host {
    fn flush_interval(&self) -> Duration {
        Duration::from_nanos(self.flush_interval.load(Ordering::Relaxed))
    }
}

impl Chore for Host {
    fn run(&self, last: bool) -> bool {
        let mut left = false;
        match &self.kind {
            Kind::Buffered(store) => {
                if let Err(error) = store.buffer().rest() {
                    self.notices.note(error);
                }
                left |= store.behind().maintain();
                let hurried = self.hurried.swap(false, Ordering::AcqRel);
                let due = last || hurried || self.flushed.lock().elapsed() >= self.flush_interval();
                let waiting = if due {
                    *self.flushed.lock() = Instant::now();
                    // Left: what somebody else is flushing just now, what was written since, and the tombstones of
                    // sessions in use.
                    store.flush(Duration::ZERO).and_then(|_| store.buffer().has_unflushed())
                } else {
                    // Others may be waiting for what this process has in a deleted buffer.
                    store.buffer().follow().map(|()| true)
                };
                match waiting {
                    Ok(waiting) => left |= waiting,
                    Err(error) => {
                        left = true;
                        self.notices.note(error);
                    }
                }
            }
            Kind::Unbuffered(store) => left |= store.behind().maintain(),
            Kind::Shared(store, _) => left |= store.maintain(),
        }
        if !last && self.gc_wanted.swap(false, Ordering::AcqRel) {
            match self.collect_in_background() {
                Ok(false) => {}
                Ok(true) => {
                    self.gc_wanted.store(true, Ordering::Release);
                    left = true;
                }
                Err(error) => self.notices.note(error),
            }
        }
        left
    }

    fn interval(&self) -> Duration {
        self.flush_interval().min(WATCH)
    }

    fn alarm(&self) -> &Alarm {
        &self.alarm
    }
}
