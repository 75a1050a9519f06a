//! A TCP proxy that counts round trips and can make a network of any badness.

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Passes everything on.
const PASS: u8 = 0;
/// Breaks one connection when the server answers on it: what was asked was done, but nobody is told.
const SWALLOW: u8 = 1;
/// Passes nothing on and breaks nothing, like a cable that was pulled.
const SILENT: u8 = 2;

struct State {
    port: u16,
    mode: AtomicU8,
    round_trips: AtomicUsize,
    /// On how many connections something was sent and nothing has come back yet.
    unanswered: AtomicUsize,
    /// The clients' ends, held while something is received and counted.
    clients: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

impl State {
    /// Whether something was sent that has not been counted, or not been answered, yet.
    fn is_busy(&self) -> bool {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        let waits = |client: &TcpStream| {
            let peeked = SockRef::from(client).recv_with_flags(&mut [MaybeUninit::uninit()], flags);
            peeked.is_ok_and(|length| length > 0)
        };
        self.clients.lock().unwrap().iter().any(waits) || self.unanswered.load(SeqCst) > 0
    }
}

/// The proxy.
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// A proxy in front of a port of this machine.
    pub fn to(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            port,
            mode: AtomicU8::new(PASS),
            round_trips: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
            clients: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if shared.stopped.load(SeqCst) {
                    return;
                }
                serve(client.unwrap(), &shared);
            }
        });
        Proxy { port: own, state }
    }

    /// How many round trips `work` takes: something sent, in however many pieces, and something that comes back, whether
    /// `work` waits for it or not.
    pub fn count<T>(&self, work: impl FnOnce() -> T) -> (usize, T) {
        let before = self.state.round_trips.load(SeqCst);
        let done = work();
        let begun = Instant::now();
        while self.state.is_busy() {
            assert!(begun.elapsed() < super::HANG, "something was not answered");
            std::thread::sleep(Duration::from_millis(1));
        }
        (self.state.round_trips.load(SeqCst) - before, done)
    }

    /// The next answer does not arrive: its connection breaks instead.
    pub fn swallow_one_answer(&self) {
        self.state.mode.store(SWALLOW, SeqCst);
    }

    /// From now on nothing arrives anywhere.
    pub fn fall_silent(&self) {
        self.state.mode.store(SILENT, SeqCst);
    }

    /// From now on everything arrives.
    pub fn pass(&self) {
        self.state.mode.store(PASS, SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stopped.store(true, SeqCst);
        // Wakes the listener, so that it sees that.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(client: TcpStream, state: &Arc<State>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", state.port)) else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    state.clients.lock().unwrap().push(client.try_clone().unwrap());
    let asked = Arc::new(AtomicBool::new(false));
    for from_client in [true, false] {
        let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (state, asked) = (Arc::clone(state), Arc::clone(&asked));
        std::thread::spawn(move || {
            let (mut from, mut to) = if from_client { (&client, &server) } else { (&server, &client) };
            let mut buffer = [0; 16 << 10];
            while let Ok(1..) = from.peek(&mut [0]) {
                let counting = state.clients.lock().unwrap();
                let Ok(length @ 1..) = from.read(&mut buffer) else { break };
                let mode = state.mode.load(SeqCst);
                if from_client {
                    let waited = asked.swap(true, SeqCst);
                    // A query that is sent while the answer to the one before it is on its way: MySQL's first packet of
                    // one has the number 0, and 3 is the command. No session in base64 has such bytes.
                    let another = matches!(buffer[..length], [_, _, _, 0, 3, ..]);
                    state.round_trips.fetch_add(usize::from(!waited || another), SeqCst);
                    state.unanswered.fetch_add(usize::from(!waited), SeqCst);
                }
                if !from_client && asked.swap(false, SeqCst) {
                    state.unanswered.fetch_sub(1, SeqCst);
                }
                drop(counting);
                if mode == SILENT {
                    continue;
                }
                if mode == SWALLOW && !from_client {
                    state.mode.store(PASS, SeqCst);
                    break;
                }
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            if asked.swap(false, SeqCst) {
                state.unanswered.fetch_sub(1, SeqCst);
            }
            if state.mode.load(SeqCst) != SILENT {
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.shutdown(Shutdown::Both);
            }
        });
    }
}
