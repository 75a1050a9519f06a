//! A store on a server that one machine has for itself (`rustdb.multi_host = off`): its buffer answers alone, so nobody
//! else may write there. A record in the store says whose it is.

use std::path::Path;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::directory;
use crate::error::{Error, ErrorKind, Result};
use crate::server::Server;
use crate::store::Backend;

/// The record, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    /// `/etc/machine-id`: another machine's is another one's.
    machine: String,
    /// The machine's name, for people.
    host: String,
    /// The user PHP runs as.
    user: u32,
    /// Where the machine keeps what is its own of the store: another spelling of the same server has another directory.
    directory: String,
    /// By which a buffer knows that it belongs to this store, as it is since it was claimed.
    mark: u64,
}

impl Claim {
    fn is_of(&self, other: &Claim) -> bool {
        Claim { mark: other.mark, host: other.host.clone(), ..self.clone() } == *other
    }
}

fn here(directory: &Path) -> Claim {
    let read = |path: &str| std::fs::read_to_string(path).map_or_else(|_| String::new(), |text| text.trim().to_owned());
    Claim {
        machine: read("/etc/machine-id"),
        host: read("/proc/sys/kernel/hostname"),
        user: directory::user(),
        directory: directory.display().to_string(),
        mark: rand::rng().random(),
    }
}

fn parse(server: &Server, record: &str) -> Result<Claim> {
    serde_json::from_str(record).map_err(|_| {
        Error::new(
            ErrorKind::Damaged,
            format!("the record in {server} that says which machine owns the store is damaged; {}", removal(server)),
        )
    })
}

/// How to get rid of the record.
fn removal(server: &Server) -> &'static str {
    match server.product {
        crate::server::Product::Mysql => "if no machine uses the store any more, delete the row with the id _owner",
        crate::server::Product::Redis => "if no machine uses the store any more, delete the key that ends in _OWNER",
    }
}

fn owned(server: &Server, by: &Claim, hint: &str) -> Error {
    Error::new(
        ErrorKind::InUse,
        format!(
            "the store {server} belongs to user {} of the machine {} alone, who keeps it at {} (rustdb.multi_host = off \
             there); {hint}, or {}",
            by.user,
            by.host,
            by.directory,
            removal(server)
        ),
    )
}

/// Claims the store, and returns its mark. While the server is out of reach an earlier claim counts, which is noted in
/// the directory: who has the store for itself can go on from the buffer.
pub(crate) fn claim(store: &dyn Backend, server: &Server, directory: &Path) -> Result<u64> {
    let noted = directory.join("claim");
    let mine = here(directory);
    let text = |claim: &Claim| {
        serde_json::to_string(claim).map_err(|cause| Error::new(ErrorKind::Internal, cause.to_string()))
    };
    let record = match store.owner(Some(&text(&mine)?)) {
        Ok(record) => parse(server, &record.unwrap_or_default())?,
        Err(error) if error.kind() == ErrorKind::Unreachable => {
            let earlier =
                std::fs::read_to_string(&noted).ok().and_then(|text| serde_json::from_str::<Claim>(&text).ok());
            return earlier.filter(|earlier| earlier.is_of(&mine)).map(|earlier| earlier.mark).ok_or(error);
        }
        Err(error) => return Err(error),
    };
    if !record.is_of(&mine) {
        return Err(owned(server, &record, "set rustdb.multi_host = on everywhere"));
    }
    // Renamed into place: it is whole or missing. Without it only the start during an outage fails.
    let new = directory.join("claim.new");
    let _ = std::fs::write(&new, text(&record)?).and_then(|()| std::fs::rename(&new, &noted));
    Ok(record.mark)
}

/// Refuses a store that somebody has for itself. A server that is out of reach says so when it is used.
pub(crate) fn refuse_owned(store: &dyn Backend, server: &Server) -> Result<()> {
    match store.owner(None) {
        Ok(Some(record)) => {
            Err(owned(server, &parse(server, &record)?, "set rustdb.multi_host = on there too and delete its claim"))
        }
        Ok(None) => Ok(()),
        Err(error) if error.kind() == ErrorKind::Unreachable => Ok(()),
        Err(error) => Err(error),
    }
}
