//! Where a store on a server is, and what is said of it in `rustdb.store`.
//!
//! ```text
//! SCHEME://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…][/DATABASE][?OPTION=VALUE&…]
//! ```
//! with `mysql`, `redis` or `rediss` (TLS) for SCHEME, and `redis+unix:///SOCKET`. Reserved characters in any part are
//! percent-encoded. Options that every server has are read here, the others by its backend.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::{Error, ErrorKind, Result};

/// What answers at the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Product {
    /// MySQL or MariaDB.
    Mysql,
    /// Redis or Valkey.
    Redis,
}

/// How to get there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// By TCP.
    Tcp {
        /// A name, an IPv4 address, or an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// By a unix socket.
    Unix(PathBuf),
}

/// A server, as `rustdb.store` names it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// What answers there.
    pub product: Product,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// How to get there: the first host.
    pub address: Address,
    /// Further hosts with the same sessions, in order.
    pub others: Vec<Address>,
    /// The user; empty if none was given.
    pub user: String,
    /// The password; empty if none was given. From the URL, or by `password_file` or `password_env`.
    pub password: String,
    /// The database; empty if none was given.
    pub database: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The options that are the backend's own.
    pub options: BTreeMap<String, String>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Without the password: what stands in messages and phpinfo, and what names the server's place on this machine.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let product = match self.product {
            Product::Mysql => "mysql",
            Product::Redis => "redis",
        };
        let user = if self.user.is_empty() { "" } else { "@" };
        write!(f, "{product}://{}{user}{}", self.user, self.address)?;
        self.others.iter().try_for_each(|other| write!(f, ",{other}"))?;
        if self.database.is_empty() { Ok(()) } else { write!(f, "/{}", self.database) }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

impl Server {
    /// Reads a URL; `None` if its scheme is none of a server.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], saying what is wrong with it; never with the password.
    pub fn parse(text: &str) -> Option<Result<Server>> {
        let (scheme, _) = text.split_once("://")?;
        let (product, tls, unix) = match scheme {
            "mysql" => (Product::Mysql, false, false),
            "redis" => (Product::Redis, false, false),
            "rediss" => (Product::Redis, true, false),
            "redis+unix" => (Product::Redis, false, true),
            _ => return None,
        };
        Some(parse(text, product, tls, unix))
    }

    /// What names the store on this machine: the same however a site gets in and whichever host it prefers, another one
    /// for each table or prefix.
    pub fn identity(&self) -> String {
        let mut hosts = self.others.clone();
        hosts.push(self.address.clone());
        hosts.sort();
        let first = hosts.remove(0);
        let place = Server { user: String::new(), address: first, others: hosts, ..self.clone() };
        let option = |name| self.option(name).unwrap_or("");
        format!("{place} {} {}", option("table"), option("prefix"))
    }

    /// Takes an option of the backend's.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// Refuses options that the backend does not know. `known`: those it knows.
    pub fn refuse_other_options(&self, known: &[&str]) -> Result<()> {
        match self.options.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(other) => Err(wrong(format!(
                "has the option \"{other}\", which {self} does not know; it knows connect_timeout, timeout, password_file, \
                 password_env, {}",
                known.join(", ")
            ))),
        }
    }
}

fn wrong(what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("rustdb.store {what}"))
}

/// The URL with the first of its hosts only, and the others.
fn split_hosts(text: &str) -> (String, Vec<&str>) {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let hosts = match (text[start..end].rfind('@'), text[end..].contains('@')) {
        (Some(at), _) => start + at + 1,
        (None, false) => start,
        // A password may have been cut in two by a reserved character, and must not be taken for hosts.
        (None, true) => return (text.to_owned(), Vec::new()),
    };
    let mut names = text[hosts..end].split(',');
    let first = names.next().unwrap_or_default();
    (format!("{}{first}{}", &text[..hosts], &text[end..]), names.collect())
}

fn parse(text: &str, product: Product, tls: bool, unix: bool) -> Result<Server> {
    let (text, others) = split_hosts(text);
    let read = |text: &str| Url::parse(text).map_err(|cause| wrong(format_args!("is not a URL: {cause}")));
    let url = read(&text)?;
    let decode = |text: &str, part: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| wrong(format_args!("has a {part} that is not UTF-8 once its % signs are decoded")))
    };
    let mut options: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        if options.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(wrong(format_args!("has the option \"{name}\" twice")));
        }
    }
    if url.fragment().is_some() {
        return Err(wrong("has a # in it; write %23 where it belongs to a password"));
    }
    let path = decode(url.path(), "path")?;
    let socket = options.remove("socket");
    let tcp = |url: &Url| {
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("names no host"))?;
        let default = match product {
            Product::Mysql => 3306,
            Product::Redis => 6379,
        };
        let host = decode(host.trim_start_matches('[').trim_end_matches(']'), "host")?;
        if host.contains(',') {
            return Err(wrong("names several hosts and has an @ behind them; write %40 there"));
        }
        Ok(Address::Tcp { host, port: url.port().unwrap_or(default) })
    };
    let (address, database) = match (unix, socket) {
        (true, _) => (Address::Unix(PathBuf::from(&path)), options.remove("db").unwrap_or_default()),
        (false, Some(socket)) => (Address::Unix(PathBuf::from(socket)), path.trim_start_matches('/').to_owned()),
        (false, None) => (tcp(&url)?, path.trim_start_matches('/').to_owned()),
    };
    if let Address::Unix(path) = &address {
        if !path.is_absolute() {
            return Err(wrong("names a socket that is not an absolute path"));
        }
    }
    if !others.is_empty() && (product == Product::Redis || matches!(address, Address::Unix(_))) {
        return Err(wrong("names several hosts, which is for mysql:// without socket= only"));
    }
    let others = others.iter().map(|host| tcp(&read(&format!("mysql://{host}"))?)).collect::<Result<_>>()?;
    let mut password = decode(url.password().unwrap_or(""), "password")?;
    if let Some(file) = options.remove("password_file") {
        let read = std::fs::read_to_string(&file).map_err(|cause| {
            Error::io(format_args!("cannot read {file}, which rustdb.store names as password_file"), &cause)
        })?;
        password = read.trim_end_matches(['\r', '\n']).to_owned();
    }
    if let Some(name) = options.remove("password_env") {
        password = std::env::var(&name).map_err(|_| {
            wrong(format_args!("names {name} as password_env, and the environment of PHP has no such variable"))
        })?;
    }
    let mut seconds = |name: &str, default: f64| match options.remove(name) {
        None => Ok(Duration::from_secs_f64(default)),
        Some(text) => match text.parse::<f64>() {
            Ok(seconds) if (0.01..=600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
            _ => Err(wrong(format_args!("has {name}={text}; it takes seconds from 0.01 to 600"))),
        },
    };
    Ok(Server {
        product,
        tls,
        address,
        others,
        user: decode(url.username(), "user")?,
        password,
        database,
        connect_timeout: seconds("connect_timeout", 2.0)?,
        timeout: seconds("timeout", 5.0)?,
        options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        Server::parse(url).unwrap().unwrap()
    }

    #[test]
    fn several_hosts_are_read_in_order_and_told_without_the_password() {
        let many = server("mysql://u:p,%40w@h1,h2:3307,[::1]:3308/db");
        assert_eq!((many.password.as_str(), many.others.len()), ("p,@w", 2));
        assert_eq!(many.to_string(), "mysql://u@h1:3306,h2:3307,[::1]:3308/db");
        assert_eq!(server("mysql://h1,h2").to_string(), "mysql://h1:3306,h2:3306");
    }

    #[test]
    fn the_order_of_hosts_makes_no_other_store() {
        let identity = |url| server(url).identity();
        assert_eq!(identity("mysql://h1,h2,h3/db"), identity("mysql://u:p@h3,h1,h2:3306/db"));
        assert_ne!(identity("mysql://h1,h2/db"), identity("mysql://h1/db"));
        assert_eq!(identity("mysql://u@h1/db"), "mysql://h1:3306/db  ");
    }

    #[test]
    fn hosts_that_cannot_be_are_refused_and_a_password_is_never_taken_for_one() {
        for url in [
            "mysql://u:secret@h1,/db",
            "mysql://u:secret@h1,h2:x/db",
            "mysql://u:secret@h1,h2/db?socket=/s",
            "redis://u:secret@h1,h2/0",
            "mysql://u:1,secret/x@h/db",
            "mysql://u,secret/x@h/db",
        ] {
            let error = Server::parse(url).unwrap().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{url}: {error}");
        }
    }
}
