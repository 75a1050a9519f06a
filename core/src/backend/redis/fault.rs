//! What can go wrong between us and the server, and what an operator is told of it.
//!
//! Server texts may repeat what they were sent: a password, a session id. So a known code has a message of our own, and
//! of an unknown one only the words of the server are shown, without anything that it quotes.

use std::io;

use redis::{RedisError, ServerError};

use crate::error::{Error, ErrorKind};
use crate::server::{Address, Server, Topology};

/// What went wrong.
#[derive(Debug)]
pub enum Fault {
    /// No connection could be made.
    Unreached(io::Error),
    /// The connection broke; whether the server has done what it was told to is not known.
    Lost(io::Error),
    /// The server did not answer in time.
    Silent,
    /// The server said no.
    Refused(ServerError),
    /// The server is a replica, or what was a master is not any more; it has done nothing.
    Demoted,
    /// What came was not the answer to what was asked.
    Strange(String),
    /// Told already; nothing was sent.
    Known(Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        if error.kind() == io::ErrorKind::TimedOut { Fault::Silent } else { Fault::Lost(error) }
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Fault {
        if error.is_timeout() {
            return Fault::Silent;
        }
        match error.is_io_error() {
            true => Fault::Lost(io::Error::other(error)),
            false => Fault::Strange("something that is not in the Redis protocol".to_owned()),
        }
    }
}

impl Fault {
    /// The message for the operator. `address`: which one of several servers it was; `prefix`: what the keys begin with.
    pub fn into_error(self, server: &Server, address: Option<&Address>, prefix: &str) -> Error {
        let url = server;
        let server = &match address {
            Some(address) if url.topology != Topology::Single => format!("{address} of {url}"),
            _ => url.to_string(),
        };
        let unreachable = |what: String| Error::new(ErrorKind::Unreachable, what);
        match self {
            Fault::Unreached(error) if error.kind() == io::ErrorKind::TimedOut => unreachable(format!(
                "cannot connect to {server} within {} seconds; see whether it runs, and whether a firewall is between",
                url.connect_timeout.as_secs_f64()
            )),
            Fault::Unreached(error) => unreachable(format!(
                "cannot connect to {server}: {error}; see whether it runs, and what rustdb.store says"
            )),
            Fault::Lost(error) => {
                unreachable(format!("the connection to {server} broke before it answered ({error}); see its log"))
            }
            Fault::Silent => unreachable(format!(
                "{server} did not answer within {} seconds; see what keeps it (SLOWLOG GET tells), or raise timeout= in \
                 rustdb.store",
                url.timeout.as_secs_f64()
            )),
            Fault::Refused(error) => refused(&error, url, server, prefix),
            Fault::Demoted => unreachable(demoted(server)),
            Fault::Strange(what) => unreachable(format!(
                "what answers at {server} sent {what}; see whether it is a Redis or Valkey server, and whether it wants \
                 TLS (rediss://)"
            )),
            Fault::Known(error) => error,
        }
    }
}

fn demoted(server: &str) -> String {
    format!("{server} is a replica, which takes no writes, and no other server has become the master in time")
}

/// The code of a refusal, that of an error inside a script included.
pub fn code(error: &ServerError) -> &str {
    let detail = error.details().unwrap_or_default();
    match detail {
        // Before they have said who they are, clients may send but few and short arguments (networking.c:
        // "unauthenticated multibulk length"), so a script is answered by this and not by NOAUTH.
        _ if detail.contains(": unauthenticated ") => "NOAUTH",
        // What the user of a script may not do (script.c: `scriptVerifyACL`); the second from version 7.2 on.
        _ if detail.starts_with("The user executing the script can") || detail.starts_with("ACL failure in script") => {
            "NOPERM"
        }
        // Before version 7 an error inside a script came at the end of another one.
        _ if detail.starts_with("Error running script") || error.code().starts_with("@user_script") => {
            detail.rsplit(": -").next().and_then(|cause| cause.split(' ').next()).unwrap_or_default()
        }
        _ => error.code(),
    }
}

/// `server`: how it is named in messages.
fn refused(error: &ServerError, url: &Server, server: &str, prefix: &str) -> Error {
    use ErrorKind::{Full, Refused, Unreachable};
    let detail = error.details().unwrap_or_default();
    let (kind, message) = match code(error) {
        "OOM" => (
            Full,
            format!(
                "{server} has no memory left (maxmemory) and wrote nothing; raise maxmemory, or let it evict \
                 (maxmemory-policy)"
            ),
        ),
        "MISCONF" => (
            Full,
            format!("{server} cannot save to its disk and takes no writes until it can; see its log and its disk"),
        ),
        "LOADING" => (Unreachable, format!("{server} is still loading its data; it answers when that is done")),
        "BUSY" => (Unreachable, format!("{server} is busy with somebody's script; SCRIPT KILL ends it")),
        "MASTERDOWN" | "CLUSTERDOWN" | "NOREPLICAS" | "TRYAGAIN" => {
            (Unreachable, format!("{server} takes no writes just now: {}", plain(error.code(), detail, url)))
        }
        "READONLY" if url.topology != Topology::Single => (Unreachable, demoted(server)),
        "READONLY" => {
            (Refused, format!("{server} is a replica, which takes no writes; name its master in rustdb.store"))
        }
        "MOVED" | "ASK" | "CROSSSLOT" if url.topology == Topology::Cluster => {
            (Unreachable, format!("the nodes of {server} do not agree whose a session is; see CLUSTER NODES"))
        }
        "MOVED" | "ASK" | "CROSSSLOT" => {
            (Refused, format!("{server} belongs to a Redis Cluster; write redis+cluster://HOST,HOST into rustdb.store"))
        }
        "NOAUTH" => (
            Refused,
            format!(
                "{server} asks for a password; put one into rustdb.store (redis://USER:PASSWORD@HOST, password_file= or \
                 password_env=)"
            ),
        ),
        "WRONGPASS" => (Refused, format!("{server} does not accept the user and password of rustdb.store")),
        "NOPERM" => (
            Refused,
            format!(
                "the user of {server} lacks rights; it needs: ACL SETUSER {} ~{prefix}* +evalsha +eval +blpop +get +set \
                 +psetex +rename +del +exists +pexpire +pexpireat +pexpiretime +pttl +rpush +zadd +zrem \
                 +zremrangebyscore +zrevrange +zscore +select{}",
                if url.user.is_empty() { "default" } else { &url.user },
                match url.topology {
                    Topology::Single => String::new(),
                    Topology::Sentinel { .. } => " +role".to_owned(),
                    Topology::Cluster => format!(" ~{{{prefix}* +asking +cluster|slots"),
                },
            ),
        ),
        "WRONGTYPE" => (
            Refused,
            format!(
                "a key of this session on {server} holds something that is no session: another program uses keys that \
                 begin with {prefix}; choose another prefix= in rustdb.store"
            ),
        ),
        code if detail.starts_with("max number of clients") => (
            Unreachable,
            format!(
                "{server} has as many connections as it takes; raise its maxclients ({})",
                plain(code, detail, url)
            ),
        ),
        code => (Refused, format!("{server} refused: {}", plain(code, detail, url))),
    };
    Error::new(kind, message)
}

/// What the server says, without what it quotes and without the password.
fn plain(code: &str, detail: &str, url: &Server) -> String {
    // "unknown command …, with args beginning with: …": after this come the arguments.
    let detail = detail.split(", with args").next().unwrap_or_default();
    let unquoted: Vec<&str> = detail.split(['\'', '"', '`']).step_by(2).collect();
    let text = format!("{code} {}", unquoted.join("…"));
    if url.password.is_empty() { text } else { text.replace(&url.password, "…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: &str) -> Error {
        let server = Server::parse("redis://joe:s3cret@db.example:7000/2").unwrap().unwrap();
        let value = redis::parse_redis_value(format!("-{answer}\r\n").as_bytes()).unwrap();
        let redis::Value::ServerError(error) = value else { panic!("{value:?}") };
        let error = Fault::Refused(error).into_error(&server, None, "P:");
        assert!(error.to_string().contains("redis://joe@db.example:7000/2"), "{error}");
        error
    }

    fn message(answer: &str) -> String {
        told(answer).to_string()
    }

    #[test]
    fn whoever_reads_it_knows_what_to_do() {
        for (answer, kind, part) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", ErrorKind::Full, "raise maxmemory"),
            (
                "ERR Error running script (call to f_d11): @user_script:13: @user_script: 13: -OOM command not allowed",
                ErrorKind::Full,
                "raise maxmemory",
            ),
            ("@user_script: 75: -OOM command not allowed", ErrorKind::Full, "raise maxmemory"),
            ("MISCONF Redis is configured to save RDB snapshots", ErrorKind::Full, "its disk"),
            ("READONLY You can't write against a read only replica.", ErrorKind::Refused, "name its master"),
            ("LOADING Redis is loading the dataset in memory", ErrorKind::Unreachable, "still loading"),
            ("BUSY Redis is busy running a script.", ErrorKind::Unreachable, "SCRIPT KILL"),
            ("MASTERDOWN Link with MASTER is down", ErrorKind::Unreachable, "Link with MASTER is down"),
            ("NOREPLICAS Not enough good replicas to write.", ErrorKind::Unreachable, "Not enough good replicas"),
            ("NOAUTH Authentication required.", ErrorKind::Refused, "password_file="),
            ("ERR Protocol error: unauthenticated bulk length", ErrorKind::Refused, "password_file="),
            ("WRONGPASS invalid username-password pair", ErrorKind::Refused, "user and password"),
            ("NOPERM User joe has no permissions", ErrorKind::Refused, "ACL SETUSER joe ~P:*"),
            (
                "ERR The user executing the script can't run this command or subcommand script: 04, on @user_script:7.",
                ErrorKind::Refused,
                "+zadd",
            ),
            (
                "ERR ACL failure in script: User joe has no permissions to run the 'zadd' command",
                ErrorKind::Refused,
                "+zadd",
            ),
            ("WRONGTYPE Operation against a key", ErrorKind::Refused, "prefix="),
            ("MOVED 3999 127.0.0.1:6381", ErrorKind::Refused, "Cluster"),
            ("ERR max number of clients reached", ErrorKind::Unreachable, "maxclients"),
        ] {
            let error = told(answer);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn neither_a_password_nor_a_key_reaches_a_message() {
        for answer in [
            "ERR unknown command 'AUTH', with args beginning with: 'joe' 's3cret' ",
            "ERR unknown command `AUTH`, with args beginning with: `joe`, `s3cret`, ",
            "ERR unknown command 'EVALSHA', with args beginning with: 'a'' '0123abc' ",
            "ERR bad s3cret",
            "NOPERM User joe has no permissions to access the 'P:0123abc' key",
            "EXTRA no such key 'P:0123abc' there",
        ] {
            let message = message(answer);
            assert!(!message.contains("s3cret"), "{message}");
            assert!(!message.contains("0123abc"), "{message}");
        }
    }

    #[test]
    fn an_unknown_answer_is_shown_in_the_servers_words() {
        assert!(message("EXTRA no such thing there").contains("EXTRA no such thing there"));
    }
}
