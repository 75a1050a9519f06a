//! The worker's side: this test binary, executed again with a job in its environment.
//!
//! A constructor looks for the job before `main` runs, so that a worker is at work within a millisecond or two and the
//! test harness with its threads never starts.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use rand::RngExt;
use rustdb_core::background;
use rustdb_core::record::SessionId;
use rustdb_core::sessions::{Held, Intent, Sessions, Told};
use rustdb_core::store::Access;
use serde_json::Value;

use super::ledger::{self, DESTROYED, Ledger, Word};
use super::settings;

/// The environment variable that makes a worker of the test binary.
pub const JOB: &str = "RUSTDB_CRASH_JOB";

/// Numbers that a worker with threads may use, from its own on.
const MOST_THREADS: usize = 20;

/// A worker's work, by the name of its role.
pub type Role = fn(&Workplace);

/// What a worker has before it.
pub struct Workplace {
    /// Its orders.
    pub job: Value,
    /// The ledger.
    pub ledger: Ledger,
    /// Its number, from 1 on for those who use the ledger's locks.
    pub number: usize,
    /// How many sessions there are.
    pub sessions: usize,
}

/// Makes workers of this test binary, with roles of its own besides the common ones.
#[macro_export]
macro_rules! roles {
    ($($name:literal => $role:path),* $(,)?) => {
        #[used]
        #[unsafe(link_section = ".init_array")]
        static BEFORE_MAIN: extern "C" fn() = {
            extern "C" fn before_main() {
                $crate::crash_support::worker::work(&[$(($name, $role as $crate::crash_support::worker::Role)),*]);
            }
            before_main
        };
    };
}

/// Does the job in the environment and ends the process; returns if there is none.
pub fn work(roles: &[(&str, Role)]) {
    let Ok(job) = std::env::var(JOB) else { return };
    let ended = std::panic::catch_unwind(|| {
        let job: Value = serde_json::from_str(&job).unwrap();
        let place = Workplace {
            ledger: Ledger::open(job["ledger"].as_str().unwrap().as_ref()),
            number: job["number"].as_u64().unwrap() as usize,
            sessions: job["sessions"].as_u64().unwrap() as usize,
            job,
        };
        let name = place.text("role");
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match name {
            "storm" => storm(&place),
            "audit" => audit(&place),
            "flush" => drop(place.open().host().collect().unwrap()),
            _ => roles.iter().find(|(role, _)| *role == name).unwrap_or_else(|| panic!("no role {name}")).1(&place),
        }));
        if let Err(wrong) = done {
            // The sessions that it holds are not to be the next ones' complaint.
            (place.number..place.number + MOST_THREADS).for_each(|number| place.ledger.doom(number));
            std::panic::resume_unwind(wrong);
        }
        // As PHP's module shutdown does.
        background::stop(Duration::from_millis(300));
    });
    // SAFETY: nothing of this process is to run any more.
    unsafe { libc::_exit(if ended.is_ok() { 0 } else { 101 }) };
}

/// Kills this process as SIGKILL from outside does.
pub fn die() -> ! {
    // SAFETY: the signal ends the process; the loop is never left.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    loop {
        std::hint::spin_loop();
    }
}

impl Workplace {
    /// A word of the orders.
    pub fn text(&self, name: &str) -> &str {
        self.job[name].as_str().unwrap()
    }

    /// A number of the orders.
    pub fn count(&self, name: &str) -> u64 {
        self.job[name].as_u64().unwrap()
    }

    /// Opens the sessions.
    pub fn open(&self) -> Sessions {
        Sessions::open(&settings(&self.job)).unwrap_or_else(|error| panic!("cannot open: {error}"))
    }

    /// Notes how long something took.
    pub fn longest(&self, word: Word, begun: Instant) {
        self.ledger.word(word).fetch_max(begun.elapsed().as_nanos() as u64, SeqCst);
    }

    /// A size for the next payload: mostly small, sometimes the largest.
    pub fn size(&self) -> usize {
        let largest = self.count("largest") as usize;
        match rand::rng().random_range(0..20) {
            0 => largest,
            1..4 => rand::rng().random_range(0..=largest),
            _ => rand::rng().random_range(0..=largest.min(2500)),
        }
    }

    /// Takes a session's lock, and checks what is there.
    pub fn take(&self, sessions: &Sessions, session: usize) -> Held {
        let name = ledger::name(session);
        let id = SessionId::parse(name.as_bytes()).unwrap();
        let begun = Instant::now();
        let mut held = sessions.begin(id, Access::Exclusive).unwrap_or_else(|error| panic!("begin: {error}")).unwrap();
        self.longest(Word::LongestBegin, begun);
        self.ledger.enter(session, self.number);
        let found = held.exists().then(|| ledger::state_of(session, &held.take_payload().unwrap()));
        self.ledger.account(session).settle(session, found);
        held
    }

    /// Writes the next state of a session that was taken.
    pub fn change(&self, sessions: &Sessions, session: usize, held: &mut Held) {
        let account = self.ledger.account(session);
        let state = account.attempt();
        let begun = Instant::now();
        let done = match ledger::says(state) {
            Some(_) => sessions.commit(
                held,
                Intent::Write(&ledger::payload(session, state, self.size())),
                3600,
                &Told::default(),
            ),
            None => sessions.commit(held, Intent::Destroy, 3600, &Told::default()),
        };
        done.unwrap_or_else(|error| panic!("commit: {error}; {:?}", sessions.host().report()));
        self.longest(Word::LongestCommit, begun);
        account.acknowledge(state);
        self.ledger.word(Word::Changes).fetch_add(1, SeqCst);
    }

    /// Lets go of it.
    pub fn let_go(&self, sessions: &Sessions, session: usize, held: Held) {
        self.ledger.leave(session, self.number);
        sessions.release(held);
    }

    /// Reads a session without its lock; what is there was acknowledged at some moment of the reading.
    pub fn glance(&self, sessions: &Sessions, session: usize) {
        let name = ledger::name(session);
        let id = SessionId::parse(name.as_bytes()).unwrap();
        let account = self.ledger.account(session);
        let least = account.acknowledged();
        let begun = Instant::now();
        let mut held = sessions.begin(id, Access::ReadOnly).unwrap_or_else(|error| panic!("read: {error}")).unwrap();
        self.longest(Word::LongestBegin, begun);
        let found = held.exists().then(|| ledger::state_of(session, &held.take_payload().unwrap()));
        sessions.release(held);
        let most = account.attempted().max(least);
        let right = match found {
            Some(state) => (least..=most).contains(&state),
            None => least % DESTROYED == 0 || least / DESTROYED != most / DESTROYED,
        };
        assert!(right, "session {session} reads as {found:?}, which was not so between {least} and {most}");
        self.ledger.word(Word::Reads).fetch_add(1, SeqCst);
    }
}

/// Reads and writes random sessions until told to stop.
fn storm(place: &Workplace) {
    let sessions = place.open();
    place.ledger.word(Word::Opened).fetch_add(1, SeqCst);
    while place.ledger.get(Word::Stop) == 0 {
        let session = rand::rng().random_range(0..place.sessions);
        if rand::rng().random_range(0..100) < place.count("reads") {
            place.glance(&sessions, session);
            continue;
        }
        let mut held = place.take(&sessions, session);
        place.change(&sessions, session, &mut held);
        place.let_go(&sessions, session, held);
    }
    tell(&sessions);
}

/// Looks at every session, with its lock. Its number is 0, which holds nothing in the ledger.
fn audit(place: &Workplace) {
    let sessions = place.open();
    for session in 0..place.sessions {
        let name = ledger::name(session);
        let id = SessionId::parse(name.as_bytes()).unwrap();
        let mut held = sessions.begin(id, Access::Exclusive).unwrap().unwrap();
        let found = held.exists().then(|| ledger::state_of(session, &held.take_payload().unwrap()));
        place.ledger.account(session).settle(session, found);
        sessions.release(held);
    }
    tell(&sessions);
}

/// Prints what the operator would be told, so that a failure shows it.
pub fn tell(sessions: &Sessions) {
    for notice in sessions.host().notices().take() {
        eprintln!("notice: {notice}");
    }
}
