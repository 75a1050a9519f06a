//! Looks for an answer for a moment before sleeping until it comes, as the kernel's `SO_BUSY_POLL` does for devices.
//!
//! Servers on this machine, or next to it, answer most questions within 100 µs, and a processor that has nothing to do
//! meanwhile takes about as long to be back, above all in a virtual machine: what takes MariaDB 8 µs is answered after 95
//! where both sides sleep. (For the same reason such machines let an idle processor wait before it is really halted:
//! Linux, "Guest halt polling", whose limit is 200 µs as well.)
//!
//! Where nobody else wants the processor, looking costs nothing but electricity. So a connection stops looking for a
//! while, twice as long each time, when somebody else did run on it (`ru_nivcsw`, getrusage(2)), after having been offered
//! it once (sched_yield(2)), and when answers take longer than it looks. The offer is made once and not at every look,
//! because each one moves the thread to the end of the queue.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use socket2::Socket;

/// For how long a connection does not look after it was no use: the first time, and at most.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How many answers in time make up for one that was not.
const FOR_A_LATE_ONE: u8 = 8;

/// Pauses between two looks, about half a microsecond.
const PAUSES: u32 = 16;

thread_local! {
    /// Whether nobody waits for what this thread does.
    static UNHURRIED: Cell<bool> = const { Cell::new(false) };
}

/// Has this thread never look.
pub(crate) fn never() {
    UNHURRIED.set(true);
}

/// What a connection has come to know of the waits on it.
#[derive(Debug, Clone)]
pub(crate) struct BusyPoll {
    /// How long it looks for an answer: `rustdb.busy_poll`.
    limit: Duration,
    /// How many answers came in time lately, less those that did not; at most twice [`FOR_A_LATE_ONE`].
    credit: u8,
    /// When it may look again.
    again: Option<Instant>,
    /// How long it did not look the last time.
    rest: Duration,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The answer came.
    InTime,
    /// It did not.
    Late,
    /// Others wanted the processor.
    Wanted,
}

impl BusyPoll {
    /// Looks for so long. Zero: not at all.
    pub(crate) fn new(limit: Duration) -> BusyPoll {
        BusyPoll { limit, credit: FOR_A_LATE_ONE, again: None, rest: Duration::ZERO }
    }

    /// Whether it has stopped looking for a while.
    #[cfg(test)]
    pub(crate) fn rests(&self) -> bool {
        self.again.is_some()
    }

    /// Receives what has come, or comes, as reading from the socket does.
    pub(crate) fn receive(&mut self, socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
        match self.look(socket, buffer) {
            Some(received) => received,
            None => (&mut &*socket).read(buffer),
        }
    }

    /// `None`: nothing has come, and it is time to sleep.
    fn look(&mut self, socket: &Socket, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        if self.limit.is_zero() || UNHURRIED.get() {
            return None;
        }
        let begun = Instant::now();
        if self.again.is_some_and(|again| begun < again) {
            return None;
        }
        // What is there already, such as the next piece of a large answer, says nothing about waits.
        if let Some(received) = come(socket, buffer) {
            return Some(received);
        }
        let before = switches();
        // SAFETY: it has no arguments.
        unsafe { libc::sched_yield() };
        let mut received = come(socket, buffer);
        if switches() == before {
            while received.is_none() && begun.elapsed() < self.limit {
                (0..PAUSES).for_each(|_| std::hint::spin_loop());
                received = come(socket, buffer);
            }
        }
        self.learn(match (switches() == before, received.is_some()) {
            (false, _) => Outcome::Wanted,
            (true, false) => Outcome::Late,
            (true, true) => Outcome::InTime,
        });
        received
    }

    fn learn(&mut self, outcome: Outcome) {
        self.again = None;
        match outcome {
            Outcome::InTime if self.credit < 2 * FOR_A_LATE_ONE => self.credit += 1,
            Outcome::InTime => self.rest = Duration::ZERO,
            Outcome::Late if self.credit >= FOR_A_LATE_ONE => self.credit -= FOR_A_LATE_ONE,
            Outcome::Late | Outcome::Wanted => {
                self.credit = FOR_A_LATE_ONE;
                self.rest = (2 * self.rest).clamp(REST.0, REST.1);
                self.again = Some(Instant::now() + self.rest);
            }
        }
    }
}

/// What has come, errors and the end included; `None`: nothing.
fn come(socket: &Socket, buffer: &mut [u8]) -> Option<io::Result<usize>> {
    // SAFETY: receiving leaves no byte of the buffer without a value.
    let buffer = unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) };
    match socket.recv_with_flags(buffer, libc::MSG_DONTWAIT) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        received => Some(received),
    }
}

/// How often this thread had to make room for others on its processor.
fn switches() -> libc::c_long {
    // SAFETY: a zeroed rusage is valid, and getrusage fills it.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
        usage.ru_nivcsw
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Long enough for an answer that is there to be seen on any machine.
    const LONG: Duration = Duration::from_secs(10);

    fn connected() -> (Socket, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        (Socket::from(OwnedFd::from(here)), there)
    }

    #[test]
    fn who_is_not_to_look_does_not_and_receives_all_the_same() {
        let (socket, mut there) = connected();
        let mut buffer = [0; 6];
        for (told, limit) in [(false, Duration::ZERO), (true, LONG)] {
            if told {
                never();
            }
            let mut poll = BusyPoll::new(limit);
            there.write_all(b"answer").unwrap();
            assert!(poll.look(&socket, &mut buffer).is_none());
            assert_eq!(poll.receive(&socket, &mut buffer).unwrap(), 6);
            assert_eq!(&std::mem::take(&mut buffer), b"answer");
        }
    }

    #[test]
    fn an_answer_that_comes_is_received_and_so_is_the_end() {
        let (socket, mut there) = connected();
        let answering = std::thread::spawn(move || there.write_all(b"answer").map(|()| there));
        let mut buffer = [0; 16];
        let mut poll = BusyPoll::new(LONG);
        // Also where others wanted the processor meanwhile, it comes sooner or later.
        assert_eq!(poll.receive(&socket, &mut buffer).unwrap(), 6);
        assert_eq!(&buffer[..6], b"answer");
        drop(answering.join().unwrap().unwrap());
        assert_eq!(BusyPoll::new(LONG).look(&socket, &mut buffer).unwrap().unwrap(), 0);
    }

    #[test]
    fn what_is_there_already_earns_nothing() {
        let (socket, mut there) = connected();
        let mut poll = BusyPoll::new(LONG);
        for _ in 0..20 {
            there.write_all(b"piece").unwrap();
            assert_eq!(poll.look(&socket, &mut [0; 5]).unwrap().unwrap(), 5);
        }
        assert_eq!(poll.credit, FOR_A_LATE_ONE);
    }

    #[test]
    fn who_waited_in_vain_sleeps_next_time_and_misses_nothing() {
        let (socket, mut there) = connected();
        let mut poll = BusyPoll::new(Duration::from_micros(1));
        let mut buffer = [0; 16];
        for _ in 0..2 {
            // Already after the first, if others wanted the processor.
            if !poll.rests() {
                assert!(poll.look(&socket, &mut buffer).is_none());
            }
        }
        let again = poll.again.expect("after two late answers it does not look for a while");
        there.write_all(b"answer").unwrap();
        poll.again = Some(again + LONG);
        assert!(poll.look(&socket, &mut buffer).is_none());
        assert_eq!(poll.receive(&socket, &mut buffer).unwrap(), 6);
    }

    /// Keeps this thread, and those it starts, on one processor.
    fn on_one_processor() {
        // SAFETY: a zeroed set is empty; both calls get the size of the set they are given.
        unsafe {
            let size = size_of::<libc::cpu_set_t>();
            let (mut allowed, mut one): (libc::cpu_set_t, libc::cpu_set_t) = std::mem::zeroed();
            assert_eq!(libc::sched_getaffinity(0, size, &mut allowed), 0);
            let first = (0..libc::CPU_SETSIZE as usize).find(|number| libc::CPU_ISSET(*number, &allowed)).unwrap();
            libc::CPU_SET(first, &mut one);
            assert_eq!(libc::sched_setaffinity(0, size, &one), 0);
        }
    }

    #[test]
    fn nobody_looks_where_somebody_else_wants_the_processor() {
        let (socket, _there) = connected();
        let over = AtomicBool::new(false);
        let busy = AtomicBool::new(false);
        std::thread::scope(|scope| {
            on_one_processor();
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    busy.store(true, Ordering::Relaxed);
                }
            });
            while !busy.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            let mut poll = BusyPoll::new(Duration::from_secs(1));
            assert!(poll.look(&socket, &mut [0; 1]).is_none());
            over.store(true, Ordering::Relaxed);
            // A late answer would have been forgiven.
            assert!(poll.rests());
        });
    }

    #[test]
    fn one_answer_in_nine_may_be_late() {
        let mut poll = BusyPoll::new(LONG);
        for _ in 0..100 {
            poll.learn(Outcome::Late);
            assert!(!poll.rests());
            (0..FOR_A_LATE_ONE).for_each(|_| poll.learn(Outcome::InTime));
        }
    }

    #[test]
    fn rests_double_up_to_a_second_until_answers_come_in_time_again() {
        let mut poll = BusyPoll::new(LONG);
        let mut rests = Vec::new();
        for _ in 0..9 {
            poll.learn(Outcome::Wanted);
            rests.push(poll.rest.as_millis());
            assert!(poll.rests());
        }
        assert_eq!(rests, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        for _ in 0..=FOR_A_LATE_ONE {
            assert_eq!(poll.rest, REST.1);
            poll.learn(Outcome::InTime);
            assert!(!poll.rests());
        }
        poll.learn(Outcome::Wanted);
        assert_eq!(poll.rest, REST.0);
    }
}
