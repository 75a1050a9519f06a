//! The ledger: what was promised, in a mapped file that survives every process that writes it.
//!
//! Each session has a state, which is a number that grows: state `n` is a payload that says `n`, or no session at all
//! where `n` is a multiple of [`DESTROYED`]. Who holds the session's lock notes the state it is about to write, writes
//! it, and notes that it was acknowledged. A killed writer leaves at most one state open, which the next one settles.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{SystemTime, UNIX_EPOCH};

/// Every so many states the session is destroyed.
pub const DESTROYED: u64 = 16;
/// Most sessions of a ledger.
pub const SESSIONS: usize = 256;
/// Most workers of a ledger.
const WORKERS: usize = 16_384;
/// States of a session whose time is remembered.
const TIMES: usize = 8192;
const GENERAL: usize = 64;
const SESSION_WORDS: usize = 8 + TIMES;
const WORDS: usize = GENERAL + WORKERS + SESSIONS * SESSION_WORDS;

/// Words that all workers share.
#[derive(Debug, Clone, Copy)]
pub enum Word {
    /// Not 0: the workers end.
    Stop,
    /// Acknowledged changes.
    Changes,
    /// Reads without the lock.
    Reads,
    /// The longest `begin` in nanoseconds, the wait for other holders included.
    LongestBegin,
    /// The longest `commit` in nanoseconds.
    LongestCommit,
    /// Workers that have opened the store.
    Opened,
    /// For a test's own signals.
    Signal,
}

/// The mapping.
pub struct Ledger {
    words: &'static [AtomicU64],
}

/// One session in it.
#[derive(Clone, Copy)]
pub struct Account {
    words: &'static [AtomicU64],
}

impl Ledger {
    /// Makes the file.
    pub fn create(path: &Path) {
        std::fs::File::create(path).unwrap().set_len((WORDS * 8) as u64).unwrap();
    }

    /// Maps the file; the mapping stays until the process ends.
    pub fn open(path: &Path) -> Ledger {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        // SAFETY: a shared mapping of a file that has this many bytes, is never cut short and used only as atomics.
        let words = unsafe {
            let base = libc::mmap(
                std::ptr::null_mut(),
                WORDS * 8,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            );
            assert_ne!(base, libc::MAP_FAILED);
            std::slice::from_raw_parts(base.cast::<AtomicU64>(), WORDS)
        };
        Ledger { words }
    }

    /// A shared word.
    pub fn word(&self, word: Word) -> &AtomicU64 {
        &self.words[word as usize]
    }

    /// Its value.
    pub fn get(&self, word: Word) -> u64 {
        self.word(word).load(SeqCst)
    }

    /// Says that a worker is about to be killed, so that a lock it seems to hold is none.
    pub fn doom(&self, worker: usize) {
        self.words[GENERAL + worker].store(1, SeqCst);
    }

    fn is_doomed(&self, worker: usize) -> bool {
        self.words[GENERAL + worker].load(SeqCst) == 1
    }

    /// A session's account.
    pub fn account(&self, session: usize) -> Account {
        assert!(session < SESSIONS);
        Account { words: &self.words[GENERAL + WORKERS + session * SESSION_WORDS..][..SESSION_WORDS] }
    }

    /// Notes that `worker`, counted from 1, has the lock of a session; nobody else alive may have it.
    pub fn enter(&self, session: usize, worker: usize) {
        let before = self.account(session).holder().swap(worker as u64, SeqCst) as usize;
        assert!(before == 0 || self.is_doomed(before), "worker {before} holds session {session} too");
    }

    /// The opposite, before the lock is let go.
    pub fn leave(&self, session: usize, worker: usize) {
        let before = self.account(session).holder().swap(0, SeqCst) as usize;
        assert_eq!(before, worker, "worker {before} took session {session} meanwhile");
    }
}

/// Nanoseconds since 1970: comparable between processes, and the clock that files' times use.
pub fn nanoseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

impl Account {
    fn holder(self) -> &'static AtomicU64 {
        &self.words[0]
    }

    fn acknowledged_word(self) -> &'static AtomicU64 {
        &self.words[1]
    }

    fn attempted_word(self) -> &'static AtomicU64 {
        &self.words[2]
    }

    /// The last state that was acknowledged.
    pub fn acknowledged(self) -> u64 {
        self.acknowledged_word().load(SeqCst)
    }

    /// The last state that somebody set out to write.
    pub fn attempted(self) -> u64 {
        self.attempted_word().load(SeqCst)
    }

    /// Notes that the next state is about to be written; returns it.
    pub fn attempt(self) -> u64 {
        let next = self.acknowledged() + 1;
        self.attempted_word().store(next, SeqCst);
        next
    }

    /// Notes that it was acknowledged.
    pub fn acknowledge(self, state: u64) {
        self.words[8 + state as usize % TIMES].store(nanoseconds(), SeqCst);
        self.acknowledged_word().store(state, SeqCst);
    }

    /// When a state was acknowledged, for one of the last few thousand.
    pub fn when(self, state: u64) -> u64 {
        self.words[8 + state as usize % TIMES].load(SeqCst)
    }

    /// Checks what the holder of the session's lock found, and settles a state that a killed writer left open.
    /// `found`: the number the payload says, or `None` for no session.
    pub fn settle(self, session: usize, found: Option<u64>) {
        let (acknowledged, attempted) = (self.acknowledged(), self.attempted());
        let state = (acknowledged..=attempted).find(|state| says(*state) == found);
        let Some(state) = state else {
            panic!(
                "session {session} has state {found:?}; acknowledged is {acknowledged}, attempted {attempted} \
                 (multiples of {DESTROYED} are destroyed)"
            );
        };
        if state != acknowledged {
            self.acknowledge(state);
        }
        self.attempted_word().store(state, SeqCst);
    }
}

/// What a session in this state is seen to say.
pub fn says(state: u64) -> Option<u64> {
    (state % DESTROYED != 0).then_some(state)
}

/// The name of a session.
pub fn name(session: usize) -> String {
    // As an id of PHP begins, in every part of the alphabet.
    let letters = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-,";
    format!("{}{}-{session}", letters[session % 64] as char, letters[session * 7 % 64] as char)
}

/// The payload of a session: its name, its state, and bytes that follow from both.
pub fn payload(session: usize, state: u64, size: usize) -> Vec<u8> {
    let mut payload = format!("{}|{state}|{size}|", name(session)).into_bytes();
    let mut seed = (session as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ state;
    while payload.len() < size {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        payload.extend_from_slice(&(seed ^ seed >> 29).to_le_bytes());
    }
    payload
}

/// The state that a payload says, after a look at all of it.
pub fn state_of(session: usize, found: &[u8]) -> u64 {
    let words: Vec<&[u8]> = found.splitn(4, |byte| *byte == b'|').collect();
    let number = |word: &[u8]| std::str::from_utf8(word).ok().and_then(|text| text.parse::<u64>().ok());
    let (Some(state), Some(size)) = (words.get(1).copied().and_then(number), words.get(2).copied().and_then(number))
    else {
        panic!("session {session} has foreign content: {:?}", &found[..found.len().min(60)]);
    };
    assert!(found == payload(session, state, size as usize), "session {session} has mixed content in state {state}");
    state
}
