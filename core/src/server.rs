//! Where a store on a server is, and what is said of it in `rustdb.store`.
//!
//! ```text
//! SCHEME://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…][/DATABASE][?OPTION=VALUE&…]
//! ```
//! with `mysql`, `redis` or `rediss` (TLS) for SCHEME, and `redis+unix:///SOCKET`; `redis+sentinel` with
//! `/MASTER[/DATABASE]` and `redis+cluster`, or `rediss+…` with TLS. Reserved characters in any part are percent-encoded. Options that every server has are read here, the others by its backend.

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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What the addresses are to each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topology {
    /// The server itself; or several MySQL servers with the same sessions, of which the first that can be used is.
    Single,
    /// Redis Sentinels, who know which server is the master just now.
    Sentinel {
        /// What they call it.
        master: String,
    },
    /// Some nodes of a Redis Cluster, which know the others.
    Cluster,
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
    /// Further hosts with the same sessions, in the order of the URL.
    pub others: Vec<Address>,
    /// What the addresses are to each other.
    pub topology: Topology,
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
    /// For how long a request looks for an answer before it sleeps until it comes (`rustdb.busy_poll`); zero: not at all.
    pub busy_poll: Duration,
    /// The options that are the backend's own.
    pub options: BTreeMap<String, String>,
}

/// Without the password: what stands in messages and phpinfo, and what names the server's place on this machine.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.product, &self.topology) {
            (Product::Mysql, _) => "mysql",
            (Product::Redis, Topology::Single) => "redis",
            (Product::Redis, Topology::Sentinel { .. }) => "redis+sentinel",
            (Product::Redis, Topology::Cluster) => "redis+cluster",
        };
        let user = if self.user.is_empty() { "" } else { "@" };
        write!(f, "{scheme}://{}{user}{}", self.user, self.address)?;
        self.others.iter().try_for_each(|address| write!(f, ",{address}"))?;
        if let Topology::Sentinel { master } = &self.topology {
            write!(f, "/{master}")?;
        }
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
        let (product, way) = match scheme {
            "mysql" => (Product::Mysql, Way::Host),
            "redis" | "rediss" => (Product::Redis, Way::Host),
            "redis+unix" => (Product::Redis, Way::Unix),
            "redis+sentinel" | "rediss+sentinel" => (Product::Redis, Way::Sentinel),
            "redis+cluster" | "rediss+cluster" => (Product::Redis, Way::Cluster),
            _ => return None,
        };
        Some(parse(text, product, scheme.starts_with("rediss"), way))
    }

    /// What names the store on this machine: the same however a site gets in and in whichever order it lists the hosts;
    /// another one for each table or prefix.
    pub fn identity(&self) -> String {
        let mut addresses: Vec<Address> = self.addresses().cloned().collect();
        addresses.sort();
        let first = addresses.remove(0);
        let place = Server { user: String::new(), address: first, others: addresses, ..self.clone() };
        let option = |name| self.option(name).unwrap_or("");
        format!("{place} {} {}", option("table"), option("prefix"))
    }

    /// All addresses, in the order of the URL.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        std::iter::once(&self.address).chain(&self.others)
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

/// What the scheme says of the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Host,
    Unix,
    Sentinel,
    Cluster,
}

fn url(text: &str) -> Result<Url> {
    Url::parse(text).map_err(|cause| wrong(format_args!("is not a URL: {cause}")))
}

/// The URL with the first of its hosts only, and the others, as no URL has more than one.
fn split_hosts(text: &str) -> (String, Vec<&str>) {
    let start = text.find("://").map_or(0, |scheme| scheme + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |length| start + length);
    let hosts = match (text[start..end].rfind('@'), text[end..].contains('@')) {
        (Some(at), _) => start + at + 1,
        (None, false) => start,
        // A password may have been cut in two by a reserved character, and must not be taken for hosts.
        (None, true) => return (text.to_owned(), Vec::new()),
    };
    let mut parts = text[hosts..end].split(',');
    let first = parts.next().unwrap_or_default();
    (format!("{}{first}{}", &text[..hosts], &text[end..]), parts.collect())
}

/// Replaces the options `NAME_file` and `NAME_env` by what they stand for.
fn secret(options: &mut BTreeMap<String, String>, name: &str) -> Result<Option<String>> {
    let mut secret = None;
    if let Some(file) = options.remove(&format!("{name}_file")) {
        let read = std::fs::read_to_string(&file).map_err(|cause| {
            Error::io(format_args!("cannot read {file}, which rustdb.store names as {name}_file"), &cause)
        })?;
        secret = Some(read.trim_end_matches(['\r', '\n']).to_owned());
    }
    if let Some(variable) = options.remove(&format!("{name}_env")) {
        secret = Some(std::env::var(&variable).map_err(|_| {
            wrong(format_args!("names {variable} as {name}_env, and the environment of PHP has no such variable"))
        })?);
    }
    Ok(secret)
}

fn parse(text: &str, product: Product, tls: bool, way: Way) -> Result<Server> {
    let (text, others) = split_hosts(text);
    let url = url(&text)?;
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
    let default = match (product, way) {
        (Product::Mysql, _) => 3306,
        (Product::Redis, Way::Sentinel) => 26379,
        (Product::Redis, _) => 6379,
    };
    let host = |url: &Url| -> Result<Address> {
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("names no host"))?;
        let host = decode(host.trim_start_matches('[').trim_end_matches(']'), "host")?;
        if host.contains(',') {
            return Err(wrong("names several hosts and has an @ behind them; write %40 there"));
        }
        Ok(Address::Tcp { host, port: url.port().unwrap_or(default) })
    };
    let (address, database) = match (way, socket) {
        (Way::Unix, _) => (Address::Unix(PathBuf::from(&path)), options.remove("db").unwrap_or_default()),
        (Way::Host, Some(socket)) => (Address::Unix(PathBuf::from(socket)), path.trim_start_matches('/').to_owned()),
        (_, Some(_)) => return Err(wrong("names a socket, where only hosts can be named")),
        (_, None) => (host(&url)?, path.trim_start_matches('/').to_owned()),
    };
    if let Address::Unix(path) = &address {
        if !path.is_absolute() {
            return Err(wrong("names a socket that is not an absolute path"));
        }
        if !others.is_empty() {
            return Err(wrong("names a socket and several hosts"));
        }
    }
    let others =
        others.into_iter().map(|text| host(&self::url(&format!("host://{text}"))?)).collect::<Result<Vec<_>>>()?;
    let (topology, database) = match way {
        Way::Host | Way::Unix => (Topology::Single, database),
        Way::Cluster => (Topology::Cluster, database),
        Way::Sentinel => {
            let (master, database) = database.split_once('/').unwrap_or((&database, ""));
            if master.is_empty() {
                return Err(wrong(
                    "does not say which master the Sentinels are to be asked for; write \
                     redis+sentinel://HOST,HOST/MASTER, with the name that sentinel.conf monitors it by",
                ));
            }
            (Topology::Sentinel { master: master.to_owned() }, database.to_owned())
        }
    };
    if product == Product::Redis && topology == Topology::Single && !others.is_empty() {
        return Err(wrong(
            "names several hosts; if they are Sentinels, write redis+sentinel://HOST,HOST/MASTER, and if they are nodes \
             of a cluster, redis+cluster://HOST,HOST",
        ));
    }
    let tls = match topology {
        Topology::Single => tls,
        _ => match options.remove("tls").as_deref() {
            None => tls,
            Some("1") => true,
            Some("0") if !tls => false,
            Some(other) => return Err(wrong(format_args!("has tls={other}; it takes 1"))),
        },
    };
    let given = decode(url.password().unwrap_or(""), "password")?;
    let password = secret(&mut options, "password")?.unwrap_or(given);
    if way == Way::Sentinel {
        if let Some(password) = secret(&mut options, "sentinel_password")? {
            options.insert("sentinel_password".to_owned(), password);
        }
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
        topology,
        user: decode(url.username(), "user")?,
        password,
        database,
        connect_timeout: seconds("connect_timeout", 2.0)?,
        timeout: seconds("timeout", 5.0)?,
        busy_poll: Duration::ZERO,
        options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        Server::parse(url).unwrap().unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn several_hosts_are_read_and_shown_without_the_password() {
        let server = server("redis+sentinel://joe:p,w%40@h1,h2:27000,[::1]/main/3?sentinel_password=s3cret");
        assert_eq!(server.to_string(), "redis+sentinel://joe@h1:26379,h2:27000,[::1]:26379/main/3");
        assert_eq!((server.password.as_str(), server.database.as_str()), ("p,w@", "3"));
        assert_eq!(server.topology, Topology::Sentinel { master: "main".to_owned() });
        assert!(!format!("{server:?} {}", server.identity()).contains("s3cret"));
        let many = self::server("mysql://u:p,%40w@h1,h2:3307,[::1]:3308/db");
        assert_eq!((many.password.as_str(), many.others.len()), ("p,@w", 2));
        assert_eq!(many.to_string(), "mysql://u@h1:3306,h2:3307,[::1]:3308/db");
        let server = self::server("rediss+cluster://h1:7000,h2");
        assert_eq!(server.to_string(), "redis+cluster://h1:7000,h2:6379");
        assert!(server.tls && server.topology == Topology::Cluster);
        assert!(self::server("redis+cluster://h1?tls=1").tls);
        assert!(!self::server("redis+cluster://h1").tls);
    }

    #[test]
    fn the_order_of_hosts_does_not_make_another_store() {
        let identity = |url| server(url).identity();
        assert_eq!(identity("redis+cluster://h1,h2:7000"), identity("redis+cluster://joe:pw@h2:7000,h1:6379"));
        assert_eq!(identity("redis+sentinel://b,a/main"), identity("redis+sentinel://a,b/main"));
        assert_eq!(identity("mysql://h1,h2,h3/db"), identity("mysql://u:p@h3,h1,h2:3306/db"));
        assert_ne!(identity("mysql://h1,h2/db"), identity("mysql://h1/db"));
        assert_eq!(identity("mysql://u@h1/db"), "mysql://h1:3306/db  ");
        for other in ["redis+sentinel://a,b/other", "redis+sentinel://a,b/main/1", "redis+cluster://a,b", "redis://a"] {
            assert_ne!(identity("redis+sentinel://a,b/main"), identity(other));
        }
    }

    #[test]
    fn hosts_that_cannot_be_meant_are_refused() {
        for (url, part) in [
            ("redis://h1,h2", "redis+sentinel"),
            ("redis+sentinel://h1,h2", "which master"),
            ("redis+sentinel://h1,,h2/main", "host"),
            ("redis+cluster://h1,h2:port", "port"),
            ("redis+cluster://h1?socket=/run/redis.sock", "socket"),
            ("redis+cluster://h1?tls=maybe", "maybe"),
            ("redis+sentinel://h1/main?sentinel_password_file=/nowhere", "/nowhere"),
        ] {
            let error = Server::parse(url).unwrap().expect_err(url);
            assert!(error.to_string().contains(part), "{url}: {error}");
        }
    }

    #[test]
    fn a_password_is_never_taken_for_a_host() {
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
