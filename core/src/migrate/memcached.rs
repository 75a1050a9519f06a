//! Keys as php-memcached writes them: `memc.sess.key.ID` by default (`memcached.sess_prefix`), the raw payload. With the
//! commands `mg` and `md`, which tell the time that is left too: memcached 1.6, protocol.txt, "Meta Commands".

use std::io::{BufRead, BufReader, ErrorKind as IoKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use super::{Keep, Old, Options, wrong};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Expiry, MAX_LIFETIME, Record, SessionId, now};

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);
/// The longest key (protocol.txt, "Keys").
const LONGEST_KEY: usize = 250;
/// The longest value read: memcached itself takes 1 GiB at most (`-I`).
const LONGEST_VALUE: u64 = 1 << 30;

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

/// The server. A connection for each question: they are few, and get fewer.
pub struct Memcached {
    spec: Spec,
}

impl Memcached {
    pub fn new(spec: Spec) -> Memcached {
        Memcached { spec }
    }

    fn failed(&self, cause: std::io::Error) -> Error {
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

    /// Sends a line, and reads one.
    fn ask(&self, line: &str) -> std::io::Result<(String, BufReader<Box<dyn Stream>>)> {
        let mut stream = self.connect()?;
        stream.write_all(line.as_bytes())?;
        let mut stream = BufReader::new(stream);
        let mut answer = String::new();
        stream.by_ref().take(512).read_line(&mut answer)?;
        Ok((answer, stream))
    }

    fn key(&self, id: SessionId<'_>) -> Option<String> {
        let key = format!("{}{}", self.spec.prefix, String::from_utf8_lossy(id.as_bytes()));
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
}

impl Old for Memcached {
    fn bring(&self, id: SessionId<'_>, remove: bool, keep: Keep<'_>) -> Result<bool> {
        let Some(key) = self.key(id) else { return Ok(false) };
        let (answer, mut stream) = self.ask(&format!("mg {key} v t\r\n")).map_err(|cause| self.failed(cause))?;
        let mut words = answer.split_ascii_whitespace();
        let size = match (words.next(), words.next().map(str::parse::<u64>)) {
            (Some("EN"), _) => return Ok(false),
            (Some("VA"), Some(Ok(size))) if size <= LONGEST_VALUE => size,
            _ => return Err(self.strange(&answer)),
        };
        let left =
            words.find_map(|word| word.strip_prefix('t')?.parse::<i64>().ok()).ok_or_else(|| self.strange(&answer))?;
        let mut payload = Vec::new();
        let read = stream.by_ref().take(size).read_to_end(&mut payload).map_err(|cause| self.failed(cause))?;
        if read as u64 != size {
            return Err(self.failed(IoKind::UnexpectedEof.into()));
        }
        // -1: it has no end.
        let expires = Expiry::after(now(), u64::try_from(left).unwrap_or(MAX_LIFETIME));
        keep(Record::new(payload, expires))?;
        if remove {
            self.remove(id)?;
        }
        Ok(true)
    }

    fn remove(&self, id: SessionId<'_>) -> Result<()> {
        let Some(key) = self.key(id) else { return Ok(()) };
        let (answer, _) = self.ask(&format!("md {key}\r\n")).map_err(|cause| self.failed(cause))?;
        match answer.trim_end() {
            "HD" | "NF" => Ok(()),
            _ => Err(self.strange(&answer)),
        }
    }
}
