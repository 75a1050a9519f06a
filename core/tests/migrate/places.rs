//! The places that sessions come from, filled as their owners fill them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mysql::prelude::Queryable;
use rustdb_core::record::now;
use tempfile::TempDir;

use crate::memcached::Memcached;
use crate::mysql_support::{Mariadb, tables, url};
use crate::server::Server;

/// How long sessions live there after their last use.
pub const LIFETIME: i64 = 3600;

/// A place that sessions come from.
pub trait Place {
    /// Its URL; `more`: options, each with its `&`.
    fn url(&self, more: &str) -> String;
    /// Keeps a session that has so many seconds left; less than one: that is over.
    fn put(&self, name: &str, payload: &[u8], left: i64);
    /// Whether there is something under this name, whether it is over or not.
    fn has(&self, name: &str) -> bool;
}

/// Files.
pub struct Files {
    pub directory: TempDir,
    pub depth: usize,
    pub prefix: &'static str,
}

impl Files {
    pub fn new(depth: usize, prefix: &'static str) -> Files {
        Files { directory: tempfile::tempdir().unwrap(), depth, prefix }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        let mut path = self.directory.path().to_owned();
        path.extend(name.chars().take(self.depth).map(String::from));
        path.join(format!("{}{name}", self.prefix))
    }
}

impl Place for Files {
    fn url(&self, more: &str) -> String {
        let Files { directory, depth, prefix } = self;
        format!("files://{}?lifetime={LIFETIME}&depth={depth}&prefix={prefix}{more}", directory.path().display())
    }

    fn put(&self, name: &str, payload: &[u8], left: i64) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, payload).unwrap();
        let used = SystemTime::UNIX_EPOCH + Duration::from_secs((now() + left - LIFETIME) as u64);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(used).unwrap();
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }
}

/// Keys of a Redis: plain ones behind a prefix.
pub struct Keys {
    pub server: Server,
    pub prefix: &'static str,
}

impl Keys {
    pub fn new(prefix: &'static str) -> Keys {
        Keys { server: Server::start(&[]), prefix }
    }
}

impl Place for Keys {
    fn url(&self, more: &str) -> String {
        format!("{}?prefix={}{more}", self.server.socket_url(), self.prefix)
    }

    fn put(&self, name: &str, payload: &[u8], left: i64) {
        if left < 1 {
            return;
        }
        let client = redis::Client::open(self.server.socket_url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        redis::cmd("SETEX").arg(format!("{}{name}", self.prefix)).arg(left).arg(payload).exec(&mut connection).unwrap();
    }

    fn has(&self, name: &str) -> bool {
        self.server.number(&["EXISTS", &format!("{}{name}", self.prefix)]) == 1
    }
}

/// Hashes of Cm_RedisSession.
pub struct Hashes(pub Server);

impl Hashes {
    pub fn new() -> Hashes {
        Hashes(Server::start(&[]))
    }
}

impl Place for Hashes {
    fn url(&self, more: &str) -> String {
        format!("{}?layout=cm{more}", self.0.socket_url())
    }

    fn put(&self, name: &str, payload: &[u8], left: i64) {
        if left < 1 {
            return;
        }
        let mut connection = redis::Client::open(self.0.socket_url()).unwrap().get_connection().unwrap();
        let key = format!("sess_{name}");
        redis::pipe()
            .hset_multiple(&key, &[("data", payload), ("lock", b"0")])
            .hincr(&key, "writes", 1)
            .expire(&key, left)
            .exec(&mut connection)
            .unwrap();
    }

    fn has(&self, name: &str) -> bool {
        self.0.number(&["EXISTS", &format!("sess_{name}")]) == 1
    }
}

impl Place for Memcached {
    fn url(&self, more: &str) -> String {
        Memcached::url(self, more)
    }

    fn put(&self, name: &str, payload: &[u8], left: i64) {
        if left > 0 {
            self.set(&format!("memc.sess.key.{name}"), payload, 0, left);
        }
    }

    fn has(&self, name: &str) -> bool {
        Memcached::has(self, &format!("memc.sess.key.{name}"))
    }
}

/// A table of another program, made by that program's statement.
pub struct Rows {
    pub server: Arc<Mariadb>,
    pub database: String,
    owner: &'static Owner,
}

/// Whose table it is. `{id}`, `{payload}` (hexadecimal) and `{used}` stand for what they say.
pub struct Owner {
    ddl: &'static str,
    options: &'static str,
    id: &'static str,
    insert: &'static str,
}

pub static USERFROSTING: Owner = Owner {
    ddl: tables::USERFROSTING,
    options: "&lifetime=3600",
    id: "id",
    insert: "INSERT INTO sessions (id,payload,last_activity) VALUES ('{id}',TO_BASE64(x'{payload}'),{used})",
};

pub static PROCESSWIRE: Owner = Owner {
    ddl: tables::PROCESSWIRE,
    options: "&lifetime=3600",
    id: "id",
    insert: "INSERT INTO sessions (id,user_id,pages_id,data,ts,ip,ua) \
             VALUES ('{id}',41,1,x'{payload}',FROM_UNIXTIME({used}),1,'x')",
};

pub static SYMFONY: Owner = Owner {
    ddl: tables::SYMFONY,
    options: "",
    id: "sess_id",
    insert: "INSERT INTO sessions VALUES ('{id}',x'{payload}',{used}+3600,{used})",
};

impl Rows {
    pub fn of(owner: &'static Owner) -> Rows {
        let server = Mariadb::shared();
        let database = server.database();
        let rows = Rows { server, database, owner };
        rows.run(owner.ddl);
        rows
    }

    pub fn tables(&self) -> Vec<String> {
        self.server.root().query(format!("SHOW TABLES FROM {}", self.database)).unwrap()
    }

    /// Runs a statement in the database.
    pub fn run(&self, sql: &str) {
        let mut root = self.server.root();
        root.query_drop(format!("USE {}", self.database)).unwrap();
        root.query_drop(sql).unwrap();
    }
}

impl Place for Rows {
    fn url(&self, more: &str) -> String {
        url(self.server.port(), &self.database, &format!("{}{more}", self.owner.options))
    }

    fn put(&self, name: &str, payload: &[u8], left: i64) {
        let payload: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let used = (now() + left - LIFETIME).to_string();
        let insert = self.owner.insert.replace("{id}", name).replace("{payload}", &payload);
        self.run(&insert.replace("{used}", &used));
    }

    fn has(&self, name: &str) -> bool {
        let (database, id) = (&self.database, self.owner.id);
        let count = format!("SELECT COUNT(*) FROM {database}.sessions WHERE {id}='{name}'");
        self.server.root().query_first::<u64, _>(count).unwrap() == Some(1)
    }
}
