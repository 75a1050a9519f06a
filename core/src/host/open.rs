//! Opening stores: each once in a process, by all who use it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use twox_hash::XxHash3_64;

use super::{Host, Kind};
use crate::backend::embedded::Embedded;
use crate::backend::mysql::Mysql;
use crate::backend::redis::Redis;
use crate::background::Alarm;
use crate::buffer::{self, Buffer, epoch::Epochs, place::Place};
use crate::buffered::{Buffered, Parts};
use crate::chain::{Chain, copies::Copies, front::Front};
use crate::claim;
use crate::config::{LockMode, Settings, StoreUrl};
use crate::directory;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::HostLocks;
use crate::lock::flusher::Flusher;
use crate::notices::Notices;
use crate::owner::Owner;
use crate::process;
use crate::server::{Product, Server};
use crate::shared::Shared;
use crate::store::Backend;
use crate::unbuffered::Unbuffered;

/// How often leases are renewed: several times in the shortest lifetime a store gives them.
const MAINTENANCE: Duration = Duration::from_secs(1);

/// A directory, and for a store on a server a hash of everything that was said about it: who has another password does
/// not get another's connection.
type Key = (PathBuf, u64);

/// Open stores.
type Hosts = HashMap<Key, Arc<Host>>;

/// The generation of the process that opened them, and the stores.
static OPEN: Mutex<(u32, Option<Hosts>)> = Mutex::new((0, None));

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

    /// Takes the troubles of all open stores of this process.
    pub fn take_all_notices() -> Vec<Error> {
        let open = OPEN.lock();
        let hosts = open.1.as_ref().filter(|_| open.0 == process::generation());
        hosts.map_or_else(Vec::new, |hosts| hosts.values().flat_map(|host| host.take_notices()).collect())
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
