//! What the crash tests share: worker processes that may be killed at any instant, and a ledger that outlives them.
//!
//! A worker is this very test binary, executed again. It works on sessions whose content tells their own name and
//! number, and keeps a [`Ledger`] in a mapped file: what it is about to write, and what was acknowledged. The kernel
//! keeps that file whatever happens to its writers, so whoever gets a session next can tell whether it is right.

#![allow(dead_code)] // Each test binary uses its own part of this module.

pub mod ledger;
pub mod worker;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::RngExt;
use rustdb_core::config::{Settings, StoreUrl, WriteMode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Far above the 200 ms that are promised, so that a busy machine decides nothing; what was measured is printed.
pub const STALL: Duration = Duration::from_secs(2);
/// Ends a hang. It measures nothing.
pub const HANG: Duration = Duration::from_secs(60);

/// How often a test repeats: often when `RUSTDB_CRASH_LONG` is set, as php-tests/crash/run does, else `short` times.
pub fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("RUSTDB_CRASH_LONG").is_some() { long } else { short }
}

/// The place of one test: the store's directory, the ledger, and the output of the workers.
pub struct Scene {
    directory: TempDir,
    /// What the workers are told, besides their role and number.
    pub job: Value,
}

impl Scene {
    /// A fresh store with `sessions` sessions and a ledger.
    pub fn new(sessions: usize) -> Scene {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().prefix("rustdb-crash-").permissions(permissions).tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        let job = json!({
            "store": path.join("store"),
            "ledger": path.join("ledger"),
            "sessions": sessions,
            "buffer": 64 << 20,
            "through": false,
            "flush_ms": 100,
            "lock_wait": 30,
            "largest": 6000,
            "reads": 25,
        });
        ledger::Ledger::create(&path.join("ledger"));
        std::fs::create_dir(path.join("store")).unwrap();
        std::fs::set_permissions(path.join("store"), std::fs::Permissions::from_mode(0o700)).unwrap();
        Scene { directory, job }
    }

    /// The same with another value in the workers' job.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Scene {
        self.job[name] = value.into();
        self
    }

    /// The store's directory.
    pub fn store(&self) -> PathBuf {
        PathBuf::from(self.job["store"].as_str().unwrap())
    }

    /// A file of this test's own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The ledger.
    pub fn ledger(&self) -> ledger::Ledger {
        ledger::Ledger::open(Path::new(self.job["ledger"].as_str().unwrap()))
    }

    /// Starts a worker.
    pub fn start(&self, role: &str, number: usize) -> Worker {
        self.start_with(role, number, json!({}))
    }

    /// Starts a worker with more words for its job.
    pub fn start_with(&self, role: &str, number: usize, more: Value) -> Worker {
        let mut job = self.job.clone();
        job["role"] = role.into();
        job["number"] = number.into();
        for (name, value) in more.as_object().unwrap() {
            job[name] = value.clone();
        }
        let output = self.path(&format!("output-{number}"));
        let stderr = std::fs::File::create(&output).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .env(worker::JOB, job.to_string())
            .stdin(Stdio::null())
            .stdout(stderr.try_clone().unwrap())
            .stderr(stderr)
            .spawn()
            .unwrap();
        Worker { child, role: role.to_owned(), number, output, ended: false }
    }

    /// Runs a worker to its end.
    pub fn run(&self, role: &str, more: Value) -> String {
        let mut worker = self.start_with(role, 0, more);
        worker.finish();
        worker.said()
    }

    /// Looks at every session through the buffer, brings everything to the disk, takes the buffer away, and looks at
    /// every session there.
    pub fn audit(&self) {
        self.run("audit", json!({}));
        self.run("flush", json!({}));
        self.remove_buffer();
        self.run("audit", json!({}));
    }

    /// The directory of the buffer.
    pub fn buffer(&self) -> Option<PathBuf> {
        buffer_of(&self.store())
    }

    /// Takes the shared memory away, as a reboot does.
    pub fn remove_buffer(&self) {
        if let Some(buffer) = self.buffer() {
            // Workers that look just now may make it anew; nobody else deletes it.
            let _ = std::fs::remove_dir_all(buffer);
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.remove_buffer();
    }
}

/// The directory of the buffer of a store, wherever it lies: its header names the store.
pub fn buffer_of(store: &Path) -> Option<PathBuf> {
    let in_memory = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten().map(|entry| entry.path());
    std::iter::once(store.join("buffer")).chain(in_memory).find(|path| {
        let header =
            std::fs::read(path.join("header")).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        header.is_some_and(|header| header["store"].as_str().map(Path::new) == Some(store))
    })
}

/// A process that this test started.
pub struct Worker {
    child: Child,
    role: String,
    number: usize,
    output: PathBuf,
    ended: bool,
}

impl Worker {
    /// The process id.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// What it has printed.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the process was started here and not waited for yet, so the number is still its own.
        assert_eq!(unsafe { libc::kill(self.pid(), signal) }, 0);
    }

    /// Whether it runs still; a worker that ended because something was wrong fails the test.
    pub fn is_running(&mut self) -> bool {
        match self.child.try_wait().unwrap() {
            None => true,
            Some(status) => {
                self.ended = true;
                assert!(status.success(), "worker {} ({}) ended by {status}: {}", self.number, self.role, self.said());
                false
            }
        }
    }

    /// Kills it at once. It must not have ended by itself.
    pub fn kill(mut self) {
        if self.is_running() {
            self.signal(libc::SIGKILL);
            self.child.wait().unwrap();
            self.ended = true;
        }
    }

    /// Waits until it was killed by its own hand, or ended; `true` for the former.
    pub fn ends_killed(mut self) -> bool {
        use std::os::unix::process::ExitStatusExt;
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.ended = true;
                let killed = status.signal() == Some(libc::SIGKILL);
                assert!(killed || status.success(), "worker {} ended by {status}: {}", self.role, self.said());
                return killed;
            }
            assert!(begun.elapsed() < HANG, "worker {} hangs: {}", self.role, self.said());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops it (SIGSTOP) and returns when it has stopped.
    pub fn stop(&self) {
        self.signal(libc::SIGSTOP);
        let mut status = 0;
        // SAFETY: as in `signal`. A stop is reported without the child being waited away.
        let pid = unsafe { libc::waitpid(self.pid(), &mut status, libc::WUNTRACED) };
        assert!(pid == self.pid() && libc::WIFSTOPPED(status), "worker {} ended: {}", self.number, self.said());
    }

    /// Waits for its good end.
    pub fn finish(&mut self) {
        let begun = Instant::now();
        while self.is_running() {
            assert!(begun.elapsed() < HANG, "worker {} ({}) hangs: {}", self.number, self.role, self.said());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Waits for a condition.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < HANG, "waited in vain until {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A moment of up to `most` microseconds.
pub fn nap(most: u64) {
    std::thread::sleep(Duration::from_micros(rand::rng().random_range(0..=most)));
}

/// The settings that a job means.
pub fn settings(job: &Value) -> Settings {
    Settings {
        store: StoreUrl::Embedded(job["store"].as_str().unwrap().into()),
        buffer_size: job["buffer"].as_u64().unwrap(),
        write: if job["through"].as_bool().unwrap() { WriteMode::Through } else { WriteMode::Behind },
        flush_interval: Duration::from_millis(job["flush_ms"].as_u64().unwrap()),
        lock_wait: Duration::from_secs(job["lock_wait"].as_u64().unwrap()),
        ..Settings::default()
    }
}
