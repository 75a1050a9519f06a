//! A connected socket on which nothing waits for longer than allowed.
//!
//! The kernel's timeouts count from one read to the next, so a peer that sends a byte now and then is never too slow
//! for them. Here a whole exchange has a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Type};

use crate::backend::busy_poll::BusyPoll;

/// How far a kernel timeout may be off before it is set anew, which costs a system call.
const SLACK: Duration = Duration::from_millis(50);

/// A connected socket.
#[derive(Debug)]
pub struct Socket {
    socket: socket2::Socket,
    deadline: Instant,
    /// What the kernel was told for reading and for writing.
    told: [Duration; 2],
    /// What is known about waiting for answers.
    busy_poll: BusyPoll,
}

/// A place in [`Socket::told`].
#[derive(Clone, Copy)]
enum Way {
    Read,
    Write,
}

/// What an idle connection shows.
#[derive(Debug, PartialEq, Eq)]
pub enum Idle {
    /// Nothing, as it should be.
    Quiet,
    /// Something has arrived that nobody asked for.
    Unasked,
    /// The other side has closed it, or the connection is broken.
    Closed,
}

impl Socket {
    /// Connects by TCP. All addresses of `host` share the time until `deadline`; how long the system may look for them
    /// is its own affair (resolv.conf(5)).
    pub fn tcp(host: &str, port: u16, deadline: Instant) -> io::Result<Socket> {
        let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
        let mut failure = io::Error::new(ErrorKind::NotFound, "the host's name has no address");
        for (place, address) in addresses.iter().enumerate() {
            let share = left(deadline)? / (addresses.len() - place) as u32;
            match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Socket::new(stream.into(), deadline));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Connects to a unix socket. Without a limit that would wait for ever where the server stands still and has as
    /// many connections waiting as it takes; Linux goes by the limit for sending there (unix(7): `SO_SNDTIMEO`).
    pub fn unix(path: &Path, deadline: Instant) -> io::Result<Socket> {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let address = SockAddr::unix(path)?;
        loop {
            socket.set_write_timeout(Some(left(deadline)?))?;
            match socket.connect(&address) {
                Ok(()) => return Ok(Socket::new(socket, deadline)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(in_time(error)),
            }
        }
    }

    fn new(socket: socket2::Socket, deadline: Instant) -> Socket {
        Socket { socket, deadline, told: [Duration::ZERO; 2], busy_poll: BusyPoll::new(Duration::ZERO) }
    }

    /// Looks for answers for so long before it sleeps until they come.
    pub fn set_busy_poll(&mut self, limit: Duration) {
        self.busy_poll = BusyPoll::new(limit);
    }

    /// Gives what follows this much time, all in all.
    pub fn limit(&mut self, limit: Duration) {
        self.deadline = Instant::now() + limit;
    }

    /// What an idle connection shows, without a round trip.
    pub fn idle(&self) -> Idle {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        loop {
            return match self.socket.recv_with_flags(&mut [MaybeUninit::uninit()], flags) {
                Ok(0) => Idle::Closed,
                Ok(_) => Idle::Unasked,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Idle::Quiet,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Idle::Closed,
            };
        }
    }

    fn tell(&mut self, way: Way) -> io::Result<()> {
        let left = left(self.deadline)?;
        let told = &mut self.told[way as usize];
        if left > *told || *told - left > SLACK {
            match way {
                Way::Read => self.socket.set_read_timeout(Some(left))?,
                Way::Write => self.socket.set_write_timeout(Some(left))?,
            }
            *told = left;
        }
        Ok(())
    }

    fn attempt(&mut self, way: Way, mut attempt: impl FnMut(&mut Socket) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            self.tell(way)?;
            // With a timeout set the kernel does not go on by itself after a signal, such as PHP's time limit
            // (signal(7)).
            match attempt(self) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other.map_err(in_time),
            }
        }
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(ErrorKind::TimedOut.into()),
    }
}

/// The kernel calls it "would block" when a timeout has passed.
fn in_time(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.attempt(Way::Read, |this| this.busy_poll.receive(&this.socket, buffer))
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        // Whatever PHP does about SIGPIPE, a connection that breaks ends nobody.
        self.attempt(Way::Write, |this| this.socket.send_with_flags(buffer, libc::MSG_NOSIGNAL))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn it_looks_for_answers_if_it_was_told_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        for (limit, stops) in [(Duration::ZERO, false), (Duration::from_micros(1), true)] {
            let mut socket = Socket::unix(&path, Instant::now() + Duration::from_secs(10)).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            socket.set_busy_poll(limit);
            for _ in 0..if stops { 100 } else { 3 } {
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        std::thread::sleep(Duration::from_millis(5));
                        server.write_all(b"+").unwrap();
                    });
                    assert_eq!(socket.read(&mut [0; 1]).unwrap(), 1);
                });
                if socket.busy_poll.rests() {
                    break;
                }
            }
            // After two late answers.
            assert_eq!(socket.busy_poll.rests(), stops);
        }
    }
}
