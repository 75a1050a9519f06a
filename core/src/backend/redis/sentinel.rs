//! Redis Sentinels: they know which server is the master just now, and make another one the master when it dies.
//!
//! They are asked whenever a connection has to be made, and never otherwise; what they name is asked itself whether it is
//! a master, because for a moment they may name one that is not any more (Redis documentation, "Guidelines for Redis
//! clients with support for Redis Sentinel"). That is repeated for as long as connecting may take.

use std::io;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::{Value, cmd};

use super::dial::Dial;
use super::fault::Fault;
use super::wire::Wire;
use crate::error::{Error, ErrorKind, Result};
use crate::server::{Address, Server};

/// How long to wait before Sentinels are asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// The Sentinels of a store.
pub struct Sentinels {
    master: String,
    /// The one that answered last comes first.
    addresses: Mutex<Vec<Address>>,
}

impl Sentinels {
    /// Those that the URL names; `master`: what they call the servers.
    pub fn new(server: &Server, master: &str) -> Sentinels {
        Sentinels { master: master.to_owned(), addresses: Mutex::new(server.addresses().cloned().collect()) }
    }

    /// Connects to the master, within the connect timeout.
    pub fn connect(&self, dial: &Dial) -> Result<Wire> {
        let deadline = Instant::now() + dial.server().connect_timeout;
        loop {
            let master = self.find(dial, half_of_what_is_left(deadline))?;
            let fault = match dial.connect_master(&master, half_of_what_is_left(deadline)) {
                Ok(wire) => return Ok(wire),
                Err(fault) => fault,
            };
            let in_between = matches!(fault, Fault::Unreached(_) | Fault::Demoted);
            if !in_between || Instant::now() + PAUSE >= deadline {
                return Err(dial.error(fault, Some(&master)));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks one Sentinel after the other where the master is.
    fn find(&self, dial: &Dial, deadline: Instant) -> Result<Address> {
        let addresses = self.addresses.lock().clone();
        let mut failure = None;
        for (place, address) in addresses.iter().enumerate() {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / (addresses.len() - place) as u32;
            match self.ask(dial, address, now + share) {
                Ok(Some(master)) => {
                    let mut order = self.addresses.lock();
                    if let Some(place) = order.iter().position(|other| other == address) {
                        order[..=place].rotate_right(1);
                    }
                    return Ok(master);
                }
                // Another one may know it.
                Ok(None) => {
                    failure = Some(Error::new(
                        ErrorKind::Refused,
                        format!(
                            "the Sentinel {address} of {} does not know a master of that name; see \"sentinel monitor\" in \
                             its sentinel.conf",
                            dial.server()
                        ),
                    ));
                }
                Err(fault) => failure = failure.or_else(|| Some(unasked(fault, address, dial))),
            }
        }
        Err(failure.unwrap_or_else(|| dial.error(Fault::Unreached(io::ErrorKind::TimedOut.into()), None)))
    }

    /// Asks a Sentinel; `None`: it does not know such a master.
    fn ask(&self, dial: &Dial, address: &Address, deadline: Instant) -> Result<Option<Address>, Fault> {
        let mut wire = dial.connect_sentinel(address, deadline)?;
        let mut question = cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        let left = deadline.saturating_duration_since(Instant::now());
        match wire.ask(&[question], left)?.pop() {
            Some(Value::Nil) => Ok(None),
            Some(Value::ServerError(error)) => Err(Fault::Refused(error)),
            Some(Value::Array(answer)) => match answer.as_slice() {
                [Value::BulkString(host), Value::BulkString(port)] => {
                    let port = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok());
                    match (std::str::from_utf8(host), port) {
                        (Ok(host), Some(port)) => Ok(Some(Address::Tcp { host: host.to_owned(), port })),
                        _ => Err(strange()),
                    }
                }
                _ => Err(strange()),
            },
            _ => Err(strange()),
        }
    }
}

fn strange() -> Fault {
    Fault::Strange("an answer that no Sentinel gives".to_owned())
}

fn half_of_what_is_left(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

/// The error of a Sentinel that could not be asked.
fn unasked(fault: Fault, address: &Address, dial: &Dial) -> Error {
    match &fault {
        Fault::Refused(error) if matches!(error.code(), "NOAUTH" | "WRONGPASS" | "NOPERM") => Error::new(
            ErrorKind::Refused,
            format!(
                "the Sentinel {address} of {} asks for another user or password; put them into rustdb.store \
                 (sentinel_user=, sentinel_password=, sentinel_password_file= or sentinel_password_env=)",
                dial.server()
            ),
        ),
        Fault::Refused(_) => Error::new(
            ErrorKind::Refused,
            format!(
                "what answers at {address} for {} is no Sentinel; see which port Sentinel listens on",
                dial.server()
            ),
        ),
        Fault::Unreached(_) | Fault::Lost(_) | Fault::Silent => {
            let cause = match fault {
                Fault::Unreached(error) | Fault::Lost(error) if error.kind() != io::ErrorKind::TimedOut => {
                    error.to_string()
                }
                _ => "it does not answer in time".to_owned(),
            };
            Error::new(
                ErrorKind::Unreachable,
                format!("cannot ask the Sentinel {address} of {}: {cause}; see whether it runs", dial.server()),
            )
        }
        _ => dial.error(fault, Some(address)),
    }
}
