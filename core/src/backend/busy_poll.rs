//! Looks for an answer for a moment before sleeping until it comes, as the kernel's `SO_BUSY_POLL` does for devices.
//!
//! Servers on this machine, or next to it, answer most questions within 100 µs, and a processor that has nothing to do
//! meanwhile takes about as long to be back, above all in a virtual machine: what takes MariaDB 8 µs is answered after 95
//! where both sides sleep. (For the same reason such machines let an idle processor wait before it is really halted:
//! Linux, "Guest halt polling", whose limit is 200 µs as well.)
//!
//! Where nobody else wants the processor, looking costs nothing but electricity. Where somebody does, nobody looks:
//! between two looks others may run (sched_yield(2)), and if one did, the thread sleeps as ever for a while. So it does if
//! answers take longer than it looks. Each such while is twice as long as the one before.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use socket2::Socket;

/// For how long nobody looks after it was no use: the first time, and at most.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How many answers in time make up for one that was not.
const FOR_A_LATE_ONE: u8 = 8;

/// What a thread has come to know of its waits.
#[derive(Clone, Copy)]
struct Experience {
    /// How long it looks for an answer.
    limit: Duration,
    /// How many answers came in time lately, less those that did not; at most twice [`FOR_A_LATE_ONE`].
    credit: u8,
    /// When it may look again.
    again: Option<Instant>,
    /// How long it did not look the last time.
    rest: Duration,
}

thread_local! {
    static EXPERIENCE: Cell<Experience> = const {
        Cell::new(Experience { limit: Duration::ZERO, credit: FOR_A_LATE_ONE, again: None, rest: Duration::ZERO })
    };
}

/// Has this thread look for answers for so long, `rustdb.busy_poll`. One that was not told, as that in the background,
/// never does.
pub(crate) fn set_limit(limit: Duration) {
    let mut experience = EXPERIENCE.get();
    if experience.limit != limit {
        experience.limit = limit;
        EXPERIENCE.set(experience);
    }
}

/// Receives what has come, or comes, as reading from the socket does.
pub(crate) fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    match look(socket, buffer) {
        Some(received) => received,
        None => (&mut &*socket).read(buffer),
    }
}

/// `None`: nothing has come, and it is time to sleep.
fn look(socket: &Socket, buffer: &mut [u8]) -> Option<io::Result<usize>> {
    let experience = EXPERIENCE.get();
    if experience.limit.is_zero() {
        return None;
    }
    let begun = Instant::now();
    if experience.again.is_some_and(|again| begun < again) {
        return None;
    }
    let others = switches();
    // SAFETY: receiving leaves no byte of the buffer without a value.
    let buffer = unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) };
    let received = loop {
        match socket.recv_with_flags(buffer, libc::MSG_DONTWAIT) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            received => break Some(received),
        }
        if begun.elapsed() >= experience.limit {
            break None;
        }
        // SAFETY: it has no arguments.
        unsafe { libc::sched_yield() };
    };
    let outcome = match (switches() == others, received.is_some()) {
        (false, _) => Outcome::Wanted,
        (true, false) => Outcome::Late,
        (true, true) => Outcome::InTime,
    };
    EXPERIENCE.set(experience.after(outcome));
    received
}

/// How it went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The answer came.
    InTime,
    /// It did not.
    Late,
    /// Others wanted the processor.
    Wanted,
}

impl Experience {
    fn after(self, outcome: Outcome) -> Experience {
        let (credit, rest) = match outcome {
            Outcome::InTime if self.credit < 2 * FOR_A_LATE_ONE => (self.credit + 1, self.rest),
            Outcome::InTime => (self.credit, Duration::ZERO),
            Outcome::Late if self.credit >= FOR_A_LATE_ONE => (self.credit - FOR_A_LATE_ONE, self.rest),
            Outcome::Late | Outcome::Wanted => {
                let rest = (2 * self.rest).clamp(REST.0, REST.1);
                return Experience { credit: FOR_A_LATE_ONE, again: Some(Instant::now() + rest), rest, ..self };
            }
        };
        Experience { credit, rest, again: None, ..self }
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
    use std::os::unix::net::UnixStream;

    use super::*;

    /// Long enough for an answer that is there to be seen on any machine.
    const LONG: Duration = Duration::from_secs(10);

    fn connected() -> (Socket, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        (Socket::from(std::os::fd::OwnedFd::from(here)), there)
    }

    #[test]
    fn a_thread_that_was_not_told_to_look_never_does() {
        let (socket, mut there) = connected();
        there.write_all(b"answer").unwrap();
        assert!(look(&socket, &mut [0; 6]).is_none());
        let mut buffer = [0; 6];
        assert_eq!(receive(&socket, &mut buffer).unwrap(), 6);
        assert_eq!(&buffer, b"answer");
    }

    #[test]
    fn an_answer_that_comes_is_received_and_so_is_the_end() {
        set_limit(LONG);
        let (socket, mut there) = connected();
        let answering = std::thread::spawn(move || there.write_all(b"answer").map(|()| there));
        let mut buffer = [0; 16];
        // Others may have wanted the processor meanwhile; what they are told is the same.
        assert_eq!(look(&socket, &mut buffer).unwrap().unwrap(), 6);
        assert_eq!(&buffer[..6], b"answer");
        drop(answering.join().unwrap().unwrap());
        EXPERIENCE.set(Experience { again: None, ..EXPERIENCE.get() });
        assert_eq!(look(&socket, &mut buffer).unwrap().unwrap(), 0);
    }

    #[test]
    fn who_waited_in_vain_sleeps_next_time_and_misses_nothing() {
        set_limit(Duration::from_micros(1));
        let (socket, mut there) = connected();
        let mut buffer = [0; 16];
        for _ in 0..2 {
            // Already after the first, if others wanted the processor.
            if EXPERIENCE.get().again.is_none() {
                assert!(look(&socket, &mut buffer).is_none());
            }
        }
        let again = EXPERIENCE.get().again.expect("after two late answers nobody looks for a while");
        there.write_all(b"answer").unwrap();
        EXPERIENCE.set(Experience { again: Some(again + LONG), ..EXPERIENCE.get() });
        assert!(look(&socket, &mut buffer).is_none());
        assert_eq!(receive(&socket, &mut buffer).unwrap(), 6);
    }

    #[test]
    fn one_answer_in_eight_may_be_late() {
        let mut experience = EXPERIENCE.get();
        for _ in 0..100 {
            experience = experience.after(Outcome::Late);
            assert!(experience.again.is_none());
            for _ in 0..FOR_A_LATE_ONE {
                experience = experience.after(Outcome::InTime);
            }
        }
    }

    #[test]
    fn rests_double_up_to_a_second_until_answers_come_in_time_again() {
        let mut experience = EXPERIENCE.get();
        let mut rests = Vec::new();
        for _ in 0..9 {
            experience = experience.after(Outcome::Wanted);
            rests.push(experience.rest.as_millis());
            assert!(experience.again.is_some());
        }
        assert_eq!(rests, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        for _ in 0..=FOR_A_LATE_ONE {
            assert_eq!(experience.rest, REST.1);
            experience = experience.after(Outcome::InTime);
            assert!(experience.again.is_none());
        }
        assert_eq!(experience.after(Outcome::Wanted).rest, REST.0);
    }
}
