//! A TCP proxy that counts round trips and can lose an answer.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A proxy in front of a server.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    round_trips: AtomicU64,
    connections: AtomicU64,
    lose_answer: AtomicBool,
}

impl Proxy {
    /// In front of a port of this machine.
    pub fn before(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared::default());
        let proxy = Proxy { port: listener.local_addr().unwrap().port(), shared: Arc::clone(&shared) };
        // Ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                shared.connections.fetch_add(1, Ordering::SeqCst);
                pass(client, server, &shared);
            }
        });
        proxy
    }

    /// The URL of the server behind it, by this way.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many times somebody sent and then waited.
    pub fn round_trips(&self) -> u64 {
        self.shared.round_trips.load(Ordering::SeqCst)
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Takes the next answer of the server and closes its connection instead of passing it on.
    pub fn lose_an_answer(&self) {
        self.shared.lose_answer.store(true, Ordering::SeqCst);
    }

    /// Whether that has happened.
    pub fn has_lost(&self) -> bool {
        !self.shared.lose_answer.load(Ordering::SeqCst)
    }
}

fn pass(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let asking = Arc::new(AtomicBool::new(false));
    let up = (client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(shared), Arc::clone(&asking));
    std::thread::spawn(move || {
        let (from, to, shared, asking) = up;
        copy(&from, &to, || {
            if !asking.swap(true, Ordering::SeqCst) {
                shared.round_trips.fetch_add(1, Ordering::SeqCst);
            }
            true
        });
    });
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        copy(&server, &client, || {
            asking.store(false, Ordering::SeqCst);
            !shared.lose_answer.swap(false, Ordering::SeqCst)
        });
    });
}

/// Copies until one side ends, or `may_pass` says no to what has arrived.
fn copy(mut from: &TcpStream, mut to: &TcpStream, may_pass: impl Fn() -> bool) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(count) if count > 0 && may_pass() && to.write_all(&buffer[..count]).is_ok() => {}
            _ => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
