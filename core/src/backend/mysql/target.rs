//! The server, the table and the encryption that `rustdb.store` names.
//!
//! ```text
//! mysql://USER:PASSWORD@HOST/DATABASE?table=sessions&layout=laravel&lifetime=SECONDS
//!     &lock=lease&widen=1&tls=1&ca=FILE&cert=FILE&key=FILE&verify=0
//! ```

use std::path::PathBuf;

use mysql::{ClientIdentity, SslOpts};

use super::layout::{LAYOUTS, Layout};
use crate::error::{Error, ErrorKind, Result};
use crate::record::MAX_LIFETIME;
use crate::server::{Address, Server};

/// What is said in `rustdb.store`, checked.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) server: Server,
    /// The table's name, of characters that need no escape in backquotes.
    pub(super) table: String,
    /// Whose table it is; `None`: its columns tell.
    pub(super) layout: Option<&'static Layout>,
    /// How long a session lives after its last use, for tables that say no more than when that was.
    pub(super) lifetime: Option<i64>,
    /// Whether locks are rows; `None`: the server tells whether they have to be.
    pub(super) by_row: Option<bool>,
    /// Whether a column that a session does not fit into is made larger.
    pub(super) widen: bool,
    /// Whether a table that is missing is left so.
    pub(super) as_found: bool,
    /// `None`: the connection is not encrypted.
    pub(super) tls: Option<SslOpts>,
}

const OPTIONS: [&str; 10] = ["table", "layout", "lifetime", "lock", "widen", "tls", "ca", "cert", "key", "verify"];

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("rustdb.store {what}"))
}

impl Target {
    /// Reads the options.
    pub(super) fn of(server: &Server) -> Result<Target> {
        server.refuse_other_options(&OPTIONS)?;
        if server.database.is_empty() {
            return Err(wrong(format_args!("names no database; write {server}/DATABASE")));
        }
        if matches!(&server.address, Address::Unix(path) if path.to_str().is_none()) {
            return Err(wrong("names a socket whose path is not UTF-8"));
        }
        let table = server.option("table").unwrap_or("sessions");
        // Narrower than what MySQL takes between backquotes, and safe there.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-');
        if table.is_empty() || table.len() > 64 || !table.bytes().all(plain) {
            return Err(wrong("has a table= that is not 1 to 64 of A-Z, a-z, 0-9, _, $ and -"));
        }
        Ok(Target {
            table: table.to_owned(),
            layout: layout(server)?,
            lifetime: lifetime(server)?,
            by_row: by_row(server)?,
            widen: switch(server, "widen", false)?,
            as_found: false,
            tls: tls(server)?,
            server: server.clone(),
        })
    }

    /// The same for each of its hosts alone.
    pub(super) fn each(&self) -> Vec<Target> {
        let server = |address: &Address| Server { address: address.clone(), others: Vec::new(), ..self.server.clone() };
        let hosts = std::iter::once(&self.server.address).chain(&self.server.others);
        hosts.map(|address| Target { server: server(address), ..self.clone() }).collect()
    }
}

fn layout(server: &Server) -> Result<Option<&'static Layout>> {
    let Some(name) = server.option("layout") else { return Ok(None) };
    // One table under two names: UserFrosting's is Laravel's.
    let meant = if name == "userfrosting" { "laravel" } else { name };
    LAYOUTS.iter().find(|layout| layout.name == meant).map(Some).ok_or_else(|| {
        let names: Vec<&str> = LAYOUTS.iter().map(|layout| layout.name).collect();
        wrong(format_args!("has layout={name}; it takes {} and userfrosting", names.join(", ")))
    })
}

fn lifetime(server: &Server) -> Result<Option<i64>> {
    let Some(text) = server.option("lifetime") else { return Ok(None) };
    match text.parse::<u64>() {
        Ok(seconds @ 1..=MAX_LIFETIME) => Ok(Some(seconds as i64)),
        _ => Err(wrong(format_args!("has lifetime={text}; it takes whole seconds from 1 to {MAX_LIFETIME}"))),
    }
}

fn by_row(server: &Server) -> Result<Option<bool>> {
    match server.option("lock") {
        // Which of them answers may change from one request to the next.
        None => Ok((!server.others.is_empty()).then_some(true)),
        Some("lease") => Ok(Some(true)),
        Some("advisory") => Ok(Some(false)),
        Some(other) => Err(wrong(format_args!("has lock={other}; it takes advisory or lease"))),
    }
}

fn switch(server: &Server, name: &str, unset: bool) -> Result<bool> {
    match server.option(name) {
        None => Ok(unset),
        Some("1") => Ok(true),
        Some("0") => Ok(false),
        Some(other) => Err(wrong(format_args!("has {name}={other}; it takes 0 or 1"))),
    }
}

fn tls(server: &Server) -> Result<Option<SslOpts>> {
    let verify = switch(server, "verify", true)?;
    if !switch(server, "tls", server.tls)? {
        return match ["ca", "cert", "key", "verify"].iter().find(|name| server.option(name).is_some()) {
            Some(name) => Err(wrong(format_args!("has {name}= but not tls=1, so nothing is encrypted; add tls=1"))),
            None => Ok(None),
        };
    }
    if matches!(server.address, Address::Unix(_)) {
        return Err(wrong("has tls=1 and a unix socket, which is never encrypted; leave out tls=1"));
    }
    let file = |name: &str| server.option(name).map(PathBuf::from);
    let identity = match (file("cert"), file("key")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(ClientIdentity::new(certificate, key)),
        _ => return Err(wrong("has only one of cert= and key=; a client certificate takes both")),
    };
    for name in ["ca", "cert", "key"] {
        if let Some(path) = file(name) {
            std::fs::File::open(&path).map_err(|cause| {
                Error::io(format_args!("cannot read {}, which rustdb.store names as {name}", path.display()), &cause)
            })?;
        }
    }
    Ok(Some(
        SslOpts::default()
            .with_root_cert_path(file("ca"))
            .with_client_identity(identity)
            .with_danger_accept_invalid_certs(!verify),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target> {
        Target::of(&Server::parse(url).unwrap().unwrap())
    }

    #[test]
    fn settings_that_mean_nothing_are_refused_without_the_password() {
        for url in [
            "mysql://u:secret@h/",
            "mysql://u:secret@h/db?table=",
            "mysql://u:secret@h/db?table=a%60b",
            "mysql://u:secret@h/db?tls=yes",
            "mysql://u:secret@h/db?ca=/nowhere",
            "mysql://u:secret@h/db?tls=1&ca=/nowhere",
            "mysql://u:secret@h/db?tls=1&cert=/nowhere",
            "mysql://u:secret@h/db?tls=1&socket=/s",
            "mysql://u:secret@h/db?layout=wordpress",
            "mysql://u:secret@h/db?lifetime=0",
            "mysql://u:secret@h/db?lock=maybe",
            "mysql://u:secret@h/db?widen=yes",
            "mysql://u:secret@h/db?colour=red",
        ] {
            let error = target(url).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn without_options_the_table_is_sessions_and_nothing_is_encrypted() {
        let target = target("mysql://u@h/db").unwrap();
        assert_eq!(target.table, "sessions");
        assert!(target.tls.is_none());
    }
}
