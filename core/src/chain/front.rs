//! The Redis in front of a chain, as `rustdb.store` names it: `redis://… mysql://…`.
//!
//! Its URL is that of any Redis, with three differences. Keys begin with [`PREFIX`] if it has no `prefix`: what lies there are
//! copies, and must not be taken for sessions, nor overwrite those of a site that has its sessions in this Redis. It is
//! given [`LIMIT`] at most to connect and to answer. And it has one more option, `least`.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::server::{Product, Server};

/// What the keys of copies begin with.
pub const PREFIX: &str = "RUSTDB_COPY:";
/// How long the front may take at most: waiting for longer costs more than it can save.
pub const LIMIT: Duration = Duration::from_millis(500);
/// The smallest payload that gets a copy where the URL does not say: see docs/chain.md.
pub const LEAST: usize = 32 << 10;

/// The front of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Front {
    /// The server.
    pub server: Server,
    /// The smallest payload that gets a copy, in bytes.
    pub least: usize,
}

/// Reads a chain; `None` if `text` is a single URL.
///
/// # Errors
/// [`ErrorKind::Config`], saying what is wrong with it; never with a password.
pub fn parse(text: &str) -> Option<Result<(Front, Server)>> {
    let urls: Vec<&str> = text.split_whitespace().collect();
    if urls.iter().filter(|url| url.contains("://")).count() < 2 {
        return None;
    }
    Some(pair(&urls))
}

fn pair(urls: &[&str]) -> Result<(Front, Server)> {
    let wrong = |what: &str| {
        Error::new(
            ErrorKind::Config,
            format!(
                "rustdb.store {what}; a chain is a Redis in front of a MySQL, in this order: \"redis://HOST \
                 mysql://USER@HOST/DATABASE\", and %20 stands for a space within a URL"
            ),
        )
    };
    let [front, behind] = urls else {
        return Err(wrong(&format!("has {} parts", urls.len())));
    };
    let server =
        |url: &str| Server::parse(url).unwrap_or_else(|| Err(wrong("has a URL in it that is none of a server")));
    let (mut front, behind) = (server(front)?, server(behind)?);
    if (front.product, behind.product) != (Product::Redis, Product::Mysql) {
        return Err(wrong(&format!("has {front} in front of {behind}")));
    }
    let least = match front.options.remove("least") {
        None => LEAST,
        Some(text) => text.parse().map_err(|_| {
            let message = format!("rustdb.store has least={text}; it takes a number of bytes");
            Error::new(ErrorKind::Config, message)
        })?,
    };
    front.options.entry("prefix".to_owned()).or_insert_with(|| PREFIX.to_owned());
    front.connect_timeout = front.connect_timeout.min(LIMIT);
    front.timeout = front.timeout.min(LIMIT);
    Ok((Front { server: front, least }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_two_urls_and_the_front_has_tight_limits() {
        let text = "  redis+unix:///run/redis.sock?timeout=0.2\tmysql://u:secret@db/shop?timeout=9 ";
        let (front, behind) = parse(text).unwrap().unwrap();
        assert_eq!(
            (front.server.to_string(), front.least, front.server.option("prefix")),
            ("redis:///run/redis.sock".to_owned(), LEAST, Some(PREFIX))
        );
        assert_eq!((front.server.connect_timeout, front.server.timeout), (LIMIT, Duration::from_millis(200)));
        assert_eq!((behind.to_string(), behind.timeout), ("mysql://u@db:3306/shop".to_owned(), Duration::from_secs(9)));
        let (front, _) = parse("rediss://h/2?least=0&prefix=a: mysql://db/shop").unwrap().unwrap();
        assert_eq!((front.least, front.server.option("prefix"), front.server.option("least")), (0, Some("a:"), None));
    }

    #[test]
    fn one_url_is_no_chain() {
        for text in ["redis://h", "mysql://u:p@h/d", "embedded:///srv/a b", "", "a b c"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn other_chains_are_refused_without_their_passwords() {
        for (text, part) in [
            ("mysql://u:secret@db/shop redis://h", "mysql://u@db:3306/shop in front of redis://h:6379"),
            ("redis://:secret@h redis://i", "in front of redis://i:6379"),
            ("redis://:secret@h mysql://db/shop mysql://other/shop", "3 parts"),
            ("redis://:secret@h embedded:///srv/sessions", "none of a server"),
            ("redis://:secret@h:port mysql://db/shop", "is not a URL"),
            ("redis://:secret@h?least=many mysql://db/shop", "least=many"),
        ] {
            let message = parse(text).unwrap().unwrap_err().to_string();
            assert!(message.starts_with("rustdb.store ") && message.contains(part), "{text}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
