//! A Redis server of a test's own, on a free port and a unix socket, ended with the test.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::Value;
use rustdb_core::backend::redis::Redis;
use rustdb_core::error::Error;
use rustdb_core::record::Record;
use rustdb_core::store::{Access, Change, Committed, Lease, Store};
use tempfile::TempDir;

use crate::contract_support::{id, in_an_hour};

/// A running server.
pub struct Server {
    process: Child,
    directory: TempDir,
    port: u16,
    options: Vec<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A stopped process is ended by this signal too.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts one; `options` as redis-server takes them.
    pub fn start(options: &[&str]) -> Server {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let mut log = String::new();
        // Somebody else may take the port before the server does.
        for _ in 0..5 {
            let directory = tempfile::Builder::new().prefix("rustdb-redis-").tempdir().unwrap();
            let port = free_port();
            let process = spawn(&directory, port, &options);
            let mut server = Server { process, directory, port, options: options.clone() };
            if server.comes_up() {
                return server;
            }
            log = std::fs::read_to_string(server.directory.path().join("log")).unwrap_or_default();
        }
        panic!("the redis-server did not start; its log: {log}");
    }

    fn comes_up(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline && self.process.try_wait().unwrap().is_none() {
            if self.answers().unwrap_or(false) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Whether it is there and has loaded its data.
    fn answers(&self) -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer[..1])?;
        let count = stream.read(&mut answer[1..])?;
        Ok(!answer[..=count].starts_with(b"-LOADING"))
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts it again, on the same port and with the same files.
    pub fn start_again(&mut self) {
        self.process = spawn(&self.directory, self.port, &self.options);
        assert!(self.comes_up(), "the redis-server did not start again");
    }

    /// Stops it as SIGSTOP does, or lets it go on.
    pub fn stand_still(&self, still: bool) {
        let signal = if still { libc::SIGSTOP } else { libc::SIGCONT };
        // SAFETY: the process is our child and not waited for yet.
        assert_eq!(unsafe { libc::kill(self.process.id() as i32, signal) }, 0);
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its unix socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Its URL by TCP.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its URL by the unix socket.
    pub fn socket_url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Sends a command, past rustdb.
    pub fn tell(&self, command: &[&str]) -> Value {
        let client = redis::Client::open(self.socket_url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut packed = redis::cmd(command[0]);
        command[1..].iter().for_each(|argument| {
            packed.arg(*argument);
        });
        packed.query(&mut connection).unwrap()
    }

    /// Sends a command that answers with a number.
    pub fn number(&self, command: &[&str]) -> i64 {
        redis::from_redis_value(self.tell(command)).unwrap()
    }

    /// Sends a command that answers with text, or nothing.
    pub fn text(&self, command: &[&str]) -> Option<String> {
        redis::from_redis_value(self.tell(command)).unwrap()
    }

    /// All keys.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = redis::from_redis_value(self.tell(&["KEYS", "*"])).unwrap();
        keys.sort();
        keys
    }

    /// Whether it says this of its replication. Not while it changes its role: it then ends its connections.
    pub fn replicates(&self, what: &str) -> bool {
        let told =
            ask(self.port, &["INFO", "replication"]).and_then(|told| Ok(redis::from_redis_value::<String>(told)?));
        told.is_ok_and(|told| told.contains(what))
    }

    /// Whether somebody sleeps on a list.
    pub fn has_sleepers(&self) -> bool {
        self.text(&["INFO", "clients"]).unwrap().contains("blocked_clients:1")
    }

    /// How often a command was called, by clients and by scripts.
    pub fn calls(&self, command: &str) -> u64 {
        let info = self.text(&["INFO", "commandstats"]).unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    }
}

fn spawn(directory: &TempDir, port: u16, options: &[String]) -> Child {
    let path = directory.path();
    let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
    Command::new(&program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
        .arg("--dir")
        .arg(path)
        .arg("--unixsocket")
        .arg(path.join("socket"))
        .arg("--logfile")
        .arg(path.join("log"))
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("cannot run {program}: {error}; install the package redis-server, or name a server in REDIS_SERVER")
        })
}

/// A port that nobody uses just now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends a command to whatever listens at a port of this machine.
pub fn ask(port: u16, command: &[&str]) -> redis::RedisResult<Value> {
    let mut connection = redis::Client::open(("127.0.0.1", port))?.get_connection()?;
    let mut packed = redis::cmd(command[0]);
    command[1..].iter().for_each(|argument| {
        packed.arg(*argument);
    });
    packed.query(&mut connection)
}

/// A store on it.
pub fn open(url: &str, locking: bool, lock_wait: Duration) -> Redis {
    let server = rustdb_core::server::Server::parse(url).unwrap().unwrap();
    Redis::open(&server, locking, lock_wait).unwrap()
}

/// A store as a machine has it: with leases, waiting for up to 20 s.
pub fn machine(url: &str) -> Redis {
    open(url, true, Duration::from_secs(20))
}

/// Waits for something to come true.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "still waiting: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes a session and lets go of it.
pub fn write_as(store: &Redis, name: &str, payload: &[u8], lease: Lease) -> Committed {
    store.commit(id(name), Change::Write(&Record::new(payload, in_an_hour())), lease).unwrap()
}

/// Why the session `a` cannot be begun, and how long it took to say so.
pub fn failure(store: &Redis) -> (Error, Duration) {
    let begun = Instant::now();
    let error = store.begin(id("a"), Access::Exclusive, None).unwrap_err();
    (error, begun.elapsed())
}
