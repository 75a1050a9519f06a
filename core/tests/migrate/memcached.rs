//! A memcached of a test's own, on a unix socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::server::until;

pub struct Memcached {
    process: Child,
    directory: TempDir,
}

impl Drop for Memcached {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Memcached {
    pub fn start() -> Memcached {
        let directory = tempfile::Builder::new().prefix("rustdb-memcached-").tempdir().unwrap();
        let process = Command::new("memcached")
            .args(["-u", "root", "-m", "64", "-I", "8m", "-s"])
            .arg(directory.path().join("socket"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run memcached: {error}; install the package memcached"));
        let server = Memcached { process, directory };
        until("memcached listens", || UnixStream::connect(server.socket()).is_ok());
        server
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Its URL; `more`: options.
    pub fn url(&self, more: &str) -> String {
        format!("memcached://{}?{more}", self.socket().display())
    }

    /// Sends lines, and returns all that it answers.
    pub fn tell(&self, lines: &[u8]) -> Vec<u8> {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(lines).unwrap();
        stream.write_all(b"mn\r\n").unwrap();
        let mut answer = Vec::new();
        let mut stream = BufReader::new(stream);
        while !answer.ends_with(b"MN\r\n") {
            assert!(stream.read_until(b'\n', &mut answer).unwrap() > 0, "memcached hung up");
        }
        answer.truncate(answer.len() - 4);
        answer
    }

    /// Keeps a value for so many seconds, as `set` does.
    pub fn set(&self, key: &str, value: &[u8], flags: u32, seconds: i64) {
        let mut line = format!("set {key} {flags} {seconds} {}\r\n", value.len()).into_bytes();
        line.extend(value);
        line.extend(b"\r\n");
        assert_eq!(self.tell(&line), b"STORED\r\n");
    }

    pub fn has(&self, key: &str) -> bool {
        self.tell(format!("mg {key}\r\n").as_bytes()) == b"HD\r\n"
    }

    /// Makes it hang, or lets it go on.
    pub fn stand_still(&self, still: bool) {
        let signal = if still { libc::SIGSTOP } else { libc::SIGCONT };
        // SAFETY: the process is our child and not waited for yet.
        assert_eq!(unsafe { libc::kill(self.process.id() as i32, signal) }, 0);
    }
}

/// A server that answers each connection with these bytes, whatever it is asked, and what it was asked.
pub fn answering(answer: &'static [u8]) -> (String, std::thread::JoinHandle<Vec<u8>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 1000];
        let count = stream.read(&mut asked).unwrap();
        stream.write_all(answer).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        asked[..count].to_vec()
    });
    (format!("memcached://127.0.0.1:{port}"), thread)
}
