//! Keys as php-memcached writes them: `memc.sess.key.ID` by default (`memcached.sess_prefix`), the raw payload, and
//! `memc.sess.key.lock.ID` while a request has the session (`memcached.sess_locking`; `s_lock_session` in its
//! php_memcached_session.c). With the commands `mg` and `md`, which tell the time that is left too: memcached 1.6,
//! protocol.txt, "Meta Commands".

use std::io::{BufRead, BufReader, ErrorKind as IoKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use url::Url;

use super::{AGAIN, Keep, LARGEST, Old, Options, too_large, wrong};
use crate::backend::pool::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Expiry, MAX_LIFETIME, Record, SessionId, now};

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);
/// The longest key (protocol.txt, "Keys").
const LONGEST_KEY: usize = 250;

/// Where the server is, and what its keys begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// `HOST:PORT`, or the path of a unix socket.
    address: String,
    prefix: String,
}

impl Spec {
    pub fn of(url: &Url, options: &mut Options) -> Result<Spec> {
        let path = percent_decode_str(url.path()).decode_utf8().map_err(|_| wrong("has a path that is not UTF-8"))?;
        let address = match url.host_str().filter(|host| !host.is_empty()) {
            Some(host) if host.contains(',') || host.contains("%2C") => {
                return Err(wrong("names several memcached servers; name one, or move to it first"));
            }
            Some(_) if path.len() > 1 => {
                return Err(wrong("has a path behind its host; of a memcached, only host and port are named"));
            }
            Some(host) => format!("{host}:{}", url.port().unwrap_or(11211)),
            None if path.len() > 1 => path.into_owned(),
            None => return Err(wrong("names no server: memcached://HOST or memcached:///SOCKET")),
        };
        let prefix = options.take("prefix").unwrap_or_else(|| "memc.sess.key.".to_owned());
        if prefix.bytes().any(|byte| byte <= b' ' || byte == 127) {
            return Err(wrong("has a prefix with a space or a control character, which no key of memcached has"));
        }
        Ok(Spec { address, prefix })
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

type Answers = BufReader<Box<dyn Stream>>;

/// The server. A connection for each question: they are few, and get fewer.
pub struct Memcached {
    spec: Spec,
    lock_wait: Duration,
    /// For its circuit breaker.
    pool: Pool<()>,
}

/// What the server has of a session.
enum Seen {
    Nothing,
    /// A request of php-memcached has it.
    Locked,
    Session(Record<'static>),
}

impl Memcached {
    pub fn new(spec: Spec, lock_wait: Duration) -> Memcached {
        Memcached { spec, lock_wait, pool: Pool::default() }
    }

    fn failed(&self, cause: &std::io::Error) -> Error {
        let what = format!("memcached at {} (rustdb.migrate_from) does not answer: {cause}", self.spec.address);
        Error::new(ErrorKind::Unreachable, what)
    }

    fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        if self.spec.address.starts_with('/') {
            let stream = UnixStream::connect(&self.spec.address)?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.set_write_timeout(Some(ANSWER))?;
            return Ok(Box::new(stream));
        }
        let mut failure = std::io::Error::other("its name has no address");
        for address in self.spec.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(ANSWER))?;
                    stream.set_write_timeout(Some(ANSWER))?;
                    return Ok(Box::new(stream));
                }
                Err(cause) => failure = cause,
            }
        }
        Err(failure)
    }

    /// Sends lines, and reads the answers. A server that did not answer a moment ago is left alone.
    fn ask<T>(&self, lines: &str, read: impl FnOnce(&mut Answers) -> std::io::Result<T>) -> Result<T> {
        self.pool.lately_failed().map_or(Ok(()), Err)?;
        let asked = self.connect().and_then(|mut stream| {
            stream.write_all(lines.as_bytes())?;
            read(&mut BufReader::new(stream))
        });
        asked.map_err(|cause| {
            let error = self.failed(&cause);
            self.pool.note_silence(&error);
            error
        })
    }

    /// A key of the server's; `None`: it would be too long, so there is none.
    fn key(&self, id: SessionId<'_>, before: &str) -> Option<String> {
        let key = format!("{}{before}{}", self.spec.prefix, std::str::from_utf8(id.as_bytes()).ok()?);
        (key.len() <= LONGEST_KEY).then_some(key)
    }

    fn strange(&self, answer: &str) -> Error {
        let answer = answer.trim_end();
        Error::new(
            ErrorKind::Refused,
            format!(
                "memcached at {} (rustdb.migrate_from) answered \"{answer}\"; sessions are brought over from memcached 1.6 \
                 and later",
                self.spec.address
            ),
        )
    }

    fn look(&self, key: &str, lock: Option<&str>) -> Result<Seen> {
        // The lock first: whoever let go of it has written before.
        let lines = lock.map_or_else(String::new, |lock| format!("mg {lock}\r\n")) + &format!("mg {key} v t f\r\n");
        let (lock, answer, payload) = self.ask(&lines, |answers| {
            let lock = lock.map(|_| line(answers)).transpose()?;
            let answer = line(answers)?;
            let mut payload = Vec::new();
            if let Some(size) = size(&answer).filter(|size| *size <= LARGEST) {
                let read = answers.take(size).read_to_end(&mut payload)?;
                if read as u64 != size {
                    return Err(IoKind::UnexpectedEof.into());
                }
            }
            Ok((lock, answer, payload))
        })?;
        if answer.trim_end() == "EN" {
            return Ok(Seen::Nothing);
        }
        let size = size(&answer).ok_or_else(|| self.strange(&answer))?;
        if size > LARGEST {
            return Err(too_large(format_args!("memcached at {}", self.spec.address)));
        }
        match lock.as_deref().map(str::trim_end) {
            None | Some("EN") => {}
            Some("HD") => return Ok(Seen::Locked),
            Some(other) => return Err(self.strange(other)),
        }
        let flag = |letter: char| {
            let words = answer.split_ascii_whitespace().skip(2);
            words.filter_map(|word| word.strip_prefix(letter)).find_map(|number| number.parse::<i64>().ok())
        };
        let (Some(left), Some(flags)) = (flag('t'), flag('f')) else { return Err(self.strange(&answer)) };
        if flags != 0 {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!(
                    "a key of memcached at {} (rustdb.migrate_from) has the flags {flags}, so it is no session of \
                     php-memcached's handler, and stays there",
                    self.spec.address
                ),
            ));
        }
        // -1: it has no end.
        let expires = Expiry::after(now(), u64::try_from(left).unwrap_or(MAX_LIFETIME));
        Ok(Seen::Session(Record::new(payload, expires)))
    }
}

fn line(answers: &mut Answers) -> std::io::Result<String> {
    let mut line = String::new();
    answers.take(512).read_line(&mut line)?;
    if line.ends_with('\n') { Ok(line) } else { Err(IoKind::UnexpectedEof.into()) }
}

/// The size of the value that follows a line.
fn size(line: &str) -> Option<u64> {
    line.strip_prefix("VA ")?.split_ascii_whitespace().next()?.parse().ok()
}

impl Old for Memcached {
    fn bring(&self, id: SessionId<'_>, remove: bool, keep: Keep<'_>) -> Result<bool> {
        let Some(key) = self.key(id, "") else { return Ok(false) };
        let lock = self.key(id, "lock.");
        let begun = Instant::now();
        let record = loop {
            match self.look(&key, lock.as_deref())? {
                Seen::Nothing => return Ok(false),
                Seen::Session(record) => break record,
                Seen::Locked if begun.elapsed() < self.lock_wait => std::thread::sleep(AGAIN),
                Seen::Locked => {
                    return Err(Error::new(
                        ErrorKind::LockTimeout,
                        format!(
                            "a request that began before the switch to rustdb has held a session of memcached at {} \
                             (rustdb.migrate_from) for over {} seconds (rustdb.lock_wait); end it, or restart PHP",
                            self.spec.address,
                            self.lock_wait.as_secs_f64()
                        ),
                    ));
                }
            }
        };
        if keep(record)? && remove {
            self.remove(id)?;
        }
        Ok(true)
    }

    fn remove(&self, id: SessionId<'_>) -> Result<()> {
        let Some(key) = self.key(id, "") else { return Ok(()) };
        let answer = self.ask(&format!("md {key}\r\n"), line)?;
        match answer.trim_end() {
            "HD" | "NF" => Ok(()),
            _ => Err(self.strange(&answer)),
        }
    }
}
