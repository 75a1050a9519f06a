//! The settings, from the text of php.ini to types, once.

use std::path::PathBuf;
use std::time::Duration;

use crate::chain::front::{self, Front};
use crate::contents::{Path, USER_KEYS, VOLATILE_KEYS};
use crate::error::{Error, ErrorKind, Result};
use crate::migrate;
use crate::server::Server;

/// Every setting as php.ini has it, without the prefix `rustdb.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Raw {
    /// Values in the order of [`ENTRIES`].
    pub values: Vec<String>,
    /// `session.save_path`, which names the store where `rustdb.store` is empty.
    pub save_path: String,
}

/// Name and default of every setting. The skin registers them with PHP in this order.
pub const ENTRIES: [(&str, &str); 17] = [
    ("store", ""),
    ("multi_host", "auto"),
    ("lock", "exclusive"),
    ("lock_wait", "30"),
    ("buffer_size", "64M"),
    ("write", "auto"),
    ("flush_interval", "1"),
    ("touch_interval", "60"),
    ("lifetime", "0"),
    ("gc_probability", "1"),
    ("gc_divisor", "1000"),
    ("migrate_from", ""),
    ("volatile_keys", VOLATILE_KEYS),
    ("regenerate_grace", "0"),
    ("user_key", USER_KEYS),
    ("track", "user,ip,agent"),
    ("busy_poll", "200"),
];

/// Where sessions are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// Embedded, in the default directory for this `session.save_path`.
    Default {
        /// What PHP was told.
        save_path: String,
    },
    /// Embedded, in this directory.
    Embedded(PathBuf),
    /// On a server.
    Server {
        /// The server.
        server: Box<Server>,
        /// What stands in front of it, in a chain.
        front: Option<Box<Front>>,
        /// What PHP was told: it names the default directory, where locks and counters of this machine are.
        save_path: String,
    },
}

impl StoreUrl {
    /// The same with `rustdb.busy_poll`, as far as there are servers.
    fn looking_for(mut self, busy_poll: Duration) -> StoreUrl {
        if let StoreUrl::Server { server, front, .. } = &mut self {
            server.busy_poll = busy_poll;
            if let Some(front) = front {
                front.server.busy_poll = busy_poll;
            }
        }
        self
    }
}

/// Whether requests of one session wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// They do.
    Exclusive,
    /// They run side by side, and the last one to write wins.
    None,
}

/// When a change reaches the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Before the request ends.
    Through,
    /// Within the flush interval; before the request ends it is in the buffer.
    Behind,
}

/// What is noted of who used a session last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Track {
    /// The user, by `rustdb.user_key`.
    pub user: bool,
    /// The address.
    pub ip: bool,
    /// What the browser calls itself.
    pub agent: bool,
}

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `rustdb.store`
    pub store: StoreUrl,
    /// `rustdb.multi_host`: whether other machines use the store too
    pub multi_host: bool,
    /// `rustdb.lock`
    pub lock: LockMode,
    /// `rustdb.lock_wait`
    pub lock_wait: Duration,
    /// `rustdb.buffer_size` in bytes; 0 for no buffer
    pub buffer_size: u64,
    /// `rustdb.write`
    pub write: WriteMode,
    /// `rustdb.flush_interval`
    pub flush_interval: Duration,
    /// `rustdb.touch_interval` in seconds
    pub touch_interval: u64,
    /// `rustdb.lifetime` in seconds; `None` uses what PHP passes
    pub lifetime: Option<u64>,
    /// `rustdb.gc_probability`
    pub gc_probability: u32,
    /// `rustdb.gc_divisor`
    pub gc_divisor: u32,
    /// `rustdb.migrate_from`: where sessions were kept before
    pub migrate_from: Option<migrate::From>,
    /// `rustdb.volatile_keys`: values whose change alone is no reason to write
    pub volatile_keys: Vec<Path>,
    /// `rustdb.regenerate_grace` in seconds; 0 for none
    pub regenerate_grace: u64,
    /// `rustdb.user_key`: where a session names its user; the first that leads to one counts
    pub user_key: Vec<Path>,
    /// `rustdb.track`
    pub track: Track,
}

/// The smallest buffer that is of use.
const SMALLEST_BUFFER: u64 = 1 << 20;
/// 64 GiB: more than a machine gives to sessions in memory, so rather a slip of the pen.
const LARGEST_BUFFER: u64 = 1 << 36;

/// Longer than a request lasts that was under way when an id was replaced; each second more is one in which a stolen id
/// is still good.
const LONGEST_GRACE: u64 = 300;

/// In microseconds: by then a processor has been woken on any machine, and who looks longer only burns electricity.
const LONGEST_BUSY_POLL: u64 = 1000;

impl Default for Settings {
    fn default() -> Self {
        let values = ENTRIES.iter().map(|(_, value)| (*value).to_owned()).collect();
        Settings::parse(&Raw { values, save_path: String::new() }).expect("the defaults are allowed values")
    }
}

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for the first value that is not allowed, naming the entry, the value and what is allowed.
    pub fn parse(raw: &Raw) -> Result<Settings> {
        let value = |name: &str| {
            let place = ENTRIES.iter().position(|(entry, _)| *entry == name);
            place.and_then(|place| raw.values.get(place)).map_or("", |value| value.trim())
        };
        let busy_poll = whole("busy_poll", value("busy_poll"), 0, LONGEST_BUSY_POLL)?;
        let store = store(value("store"), &raw.save_path)?.looking_for(Duration::from_micros(busy_poll));
        let on_server = matches!(store, StoreUrl::Server { .. });
        let multi_host = match value("multi_host") {
            "auto" => on_server,
            "off" | "0" | "" if matches!(store, StoreUrl::Server { front: Some(_), .. }) => {
                return Err(wrong(
                    "multi_host",
                    "off",
                    "\"auto\" or \"on\" with a chain: a machine alone has its sessions in its own buffer, and needs no Redis \
                     in front of MySQL",
                ));
            }
            // php.ini reads an unquoted `off` as an empty string, and `on` as 1.
            "off" | "0" | "" => false,
            "on" | "1" if on_server => true,
            "on" | "1" => {
                return Err(wrong(
                    "multi_host",
                    "on",
                    "\"auto\" or \"off\" with an embedded store, which is one machine's",
                ));
            }
            other => return Err(wrong("multi_host", other, "\"auto\", \"on\" or \"off\"")),
        };
        Ok(Settings {
            store,
            multi_host,
            lock: match value("lock") {
                "exclusive" => LockMode::Exclusive,
                // php.ini reads an unquoted `none` as an empty string.
                "none" | "" => LockMode::None,
                other => return Err(wrong("lock", other, "\"exclusive\" or \"none\"")),
            },
            lock_wait: seconds("lock_wait", value("lock_wait"), 0.0, 3600.0)?,
            buffer_size: match bytes(value("buffer_size")) {
                Some(0) => 0,
                Some(size) if (SMALLEST_BUFFER..=LARGEST_BUFFER).contains(&size) => size,
                _ => return Err(wrong("buffer_size", value("buffer_size"), "0 (no buffer) or 1M to 64G")),
            },
            write: match value("write") {
                "behind" if multi_host => {
                    return Err(wrong(
                        "write",
                        "behind",
                        "\"auto\" or \"through\" with a store that other machines read too (rustdb.multi_host)",
                    ));
                }
                "auto" if !on_server => WriteMode::Behind,
                "behind" => WriteMode::Behind,
                "auto" | "through" => WriteMode::Through,
                other => return Err(wrong("write", other, "\"auto\", \"through\" or \"behind\"")),
            },
            flush_interval: seconds("flush_interval", value("flush_interval"), 0.01, 3600.0)?,
            touch_interval: whole("touch_interval", value("touch_interval"), 0, 86_400)?,
            lifetime: match whole("lifetime", value("lifetime"), 0, crate::record::MAX_LIFETIME)? {
                0 => None,
                lifetime => Some(lifetime),
            },
            gc_probability: whole("gc_probability", value("gc_probability"), 0, 1_000_000_000)? as u32,
            gc_divisor: whole("gc_divisor", value("gc_divisor"), 1, 1_000_000_000)? as u32,
            migrate_from: migrate::From::parse(value("migrate_from"))?,
            volatile_keys: paths("volatile_keys", value("volatile_keys"))?,
            regenerate_grace: whole("regenerate_grace", value("regenerate_grace"), 0, LONGEST_GRACE)?,
            user_key: paths("user_key", value("user_key"))?,
            track: track(value("track"))?,
        })
    }
}

fn wrong(name: &str, value: &str, allowed: &str) -> Error {
    Error::new(ErrorKind::Config, format!("rustdb.{name} = \"{value}\" is not allowed; it takes {allowed}"))
}

fn store(url: &str, save_path: &str) -> Result<StoreUrl> {
    if url.is_empty() {
        // Sites that come from phpredis are used to naming the store in session.save_path.
        return match save_path.starts_with("embedded://") {
            true => embedded(save_path).map_err(|_| not_a_store("session.save_path", save_path)),
            false => Ok(StoreUrl::Default { save_path: save_path.to_owned() }),
        };
    }
    let save_path = save_path.to_owned();
    if let Some(chain) = front::parse(url) {
        let (front, server) = chain?;
        return Ok(StoreUrl::Server { server: Box::new(server), front: Some(Box::new(front)), save_path });
    }
    if let Some(server) = Server::parse(url) {
        return Ok(StoreUrl::Server { server: Box::new(server?), front: None, save_path });
    }
    embedded(url).map_err(|_| not_a_store("rustdb.store", &redacted(url)))
}

fn not_a_store(entry: &str, url: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!(
            "{entry} = \"{url}\" is not a store; it takes \"\" (an embedded store in the default directory), \
             \"embedded:///DIRECTORY\" with an absolute path, \"mysql://USER:PASSWORD@HOST/DATABASE\", \
             \"redis://HOST\", \"rediss://HOST\" (TLS), \"redis+unix:///SOCKET\", \"redis+sentinel://HOST,HOST/MASTER\" or \
             \"redis+cluster://HOST,HOST\", or one of Redis and one of MySQL with a space between; % starts two \
             hexadecimal digits"
        ),
    )
}

fn embedded(url: &str) -> std::result::Result<StoreUrl, ()> {
    let path = url.strip_prefix("embedded://").ok_or(())?;
    let decoded = percent_decode(path).ok_or(())?;
    if !decoded.starts_with('/') || decoded.contains('\0') || path.contains(['?', '#']) {
        return Err(());
    }
    // One spelling for one directory: the buffer is named by it.
    let mut clean = PathBuf::new();
    for component in std::path::Path::new(&decoded).components() {
        match component {
            std::path::Component::ParentDir => return Err(()),
            other => clean.push(other),
        }
    }
    if clean == std::path::Path::new("/") {
        return Err(());
    }
    Ok(StoreUrl::Embedded(clean))
}

/// A value of `rustdb.store` without what stands before the last `@`: that may be a password. In a chain, without what
/// stands before the last one of each URL.
pub fn redacted(store: &str) -> String {
    match front::parse(store) {
        // Only where both are understood is it certain where one ends.
        Some(Ok(_)) => store.split_whitespace().map(redacted_url).collect::<Vec<_>>().join(" "),
        _ => redacted_url(store),
    }
}

fn redacted_url(url: &str) -> String {
    // An @ that was encoded may have been meant to end a password.
    match (url.find("://"), url.rfind('@').or_else(|| url.rfind("%40"))) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://***{}", &url[..scheme], &url[at..]),
        (None, Some(at)) => format!("***{}", &url[at..]),
        _ => url.to_owned(),
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = (rest.next()? as char).to_digit(16)?;
        let low = (rest.next()? as char).to_digit(16)?;
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).ok()
}

fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits_only(digits)?.checked_mul(unit)
}

/// A number in plain decimal digits; what `parse` takes besides, such as a sign, is no number in php.ini.
fn digits_only(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn whole(name: &str, text: &str, least: u64, most: u64) -> Result<u64> {
    match digits_only(text) {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(wrong(name, text, &format!("a whole number from {least} to {most}"))),
    }
}

fn paths(name: &str, text: &str) -> Result<Vec<Path>> {
    let written = text.split(',').map(str::trim).filter(|path| !path.is_empty());
    written
        .map(|path| {
            Path::parse(path).map_err(|error| wrong(name, text, &format!("paths with commas between them; {error}")))
        })
        .collect()
}

fn track(text: &str) -> Result<Track> {
    let mut track = Track::default();
    // php.ini reads an unquoted `none` as an empty string.
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty() && text != "none") {
        match word {
            "user" => track.user = true,
            "ip" => track.ip = true,
            "agent" => track.agent = true,
            _ => {
                return Err(wrong(
                    "track",
                    text,
                    "\"none\", or one or more of user, ip and agent with commas between them",
                ));
            }
        }
    }
    Ok(track)
}

fn seconds(name: &str, text: &str, least: f64, most: f64) -> Result<Duration> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match text.parse::<f64>() {
        Ok(number) if plain && number >= least && number <= most => Ok(Duration::from_secs_f64(number)),
        _ => Err(wrong(name, text, &format!("seconds, from {least} to {most}"))),
    }
}
