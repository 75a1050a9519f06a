//! A table of one kind, and what to look at in it.

use std::sync::Arc;

use mysql::prelude::Queryable;
use rustdb_core::backend::mysql::Mysql;
use rustdb_core::entry;
use rustdb_core::record::{Expiry, Record, now};
use rustdb_core::store::{Batch, ByUser, Change, Committed, Listed, Whose};
use rustdb_core::visitor::{User, Visitor};

use crate::contract_support::{id, in_an_hour};
use crate::mysql_support::{Mariadb, begin, commit, machine, tables, url};

/// A kind of table: its columns for user, address and browser, and what they have where there is nothing to tell.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub ddl: &'static str,
    pub options: &'static str,
    pub columns: [&'static str; 3],
    pub nothing: [Option<&'static str>; 3],
}

pub const OWN: Kind = Kind {
    name: "rustdb",
    ddl: rustdb_core::backend::mysql::DDL,
    options: "",
    columns: ["user_id", "ip", "user_agent"],
    nothing: [None; 3],
};

pub const USERFROSTING: Kind = Kind {
    name: "userfrosting",
    ddl: tables::USERFROSTING,
    options: "&lifetime=3600",
    columns: ["user_id", "ip_address", "user_agent"],
    nothing: [None; 3],
};

pub const LARAVEL: Kind = Kind { name: "laravel", ddl: tables::LARAVEL, ..USERFROSTING };

pub const PROCESSWIRE: Kind = Kind {
    name: "processwire",
    ddl: tables::PROCESSWIRE,
    options: "&lifetime=3600",
    columns: ["user_id", "ip", "ua"],
    nothing: [Some("0"), Some("0"), Some("")],
};

pub const SYMFONY: Kind =
    Kind { name: "symfony", ddl: tables::SYMFONY, options: "", columns: ["NULL", "NULL", "NULL"], nothing: [None; 3] };

pub const KINDS: [Kind; 4] = [OWN, USERFROSTING, LARAVEL, PROCESSWIRE];

pub struct Place {
    pub store: Mysql,
    pub database: String,
    pub server: Arc<Mariadb>,
    pub kind: Kind,
}

pub fn place(kind: Kind) -> Place {
    place_with(kind, "")
}

/// `more`: options of the store.
pub fn place_with(kind: Kind, more: &str) -> Place {
    let server = Mariadb::shared();
    let database = server.database();
    let mut root = server.root();
    root.query_drop(format!("USE {database}")).unwrap();
    root.query_drop(kind.ddl).unwrap();
    let url = url(server.port(), &database, &format!("{}{more}", kind.options));
    Place { store: machine(&url), database, server, kind }
}

pub type Fields = [Option<String>; 3];

pub fn fields(user: Option<&str>, ip: Option<&str>, agent: Option<&str>) -> Fields {
    [user, ip, agent].map(|field| field.map(str::to_owned))
}

impl Place {
    pub fn sql(&self, sql: &str) {
        let mut root = self.server.root();
        root.query_drop(format!("USE {}", self.database)).unwrap();
        root.query_drop(sql).unwrap();
    }

    /// What stands in a row of the visitor.
    pub fn row(&self, name: &str) -> Fields {
        let columns = self.kind.columns.map(|column| format!("CAST({column} AS CHAR)")).join(",");
        let sql = format!("SELECT {columns} FROM {}.sessions WHERE id='{name}'", self.database);
        let row: (Option<String>, Option<String>, Option<String>) =
            self.server.root().query_first(sql).unwrap().unwrap();
        row.into()
    }

    /// What stands there where this is known, an address as the column has it.
    pub fn told(&self, user: Option<&str>, ip: Option<&str>, agent: Option<&str>) -> Fields {
        let ip = ip.map(|ip| match (self.kind.name, ip.parse()) {
            ("processwire", Ok(address)) => u32::from_be_bytes(std::net::Ipv4Addr::octets(&address)).to_string(),
            ("processwire", Err(_)) => "0".to_owned(),
            _ => ip.to_owned(),
        });
        let mut row = self.nothing();
        for (field, told) in row.iter_mut().zip([user.map(str::to_owned), ip, agent.map(str::to_owned)]) {
            *field = told.or_else(|| field.take());
        }
        row
    }

    pub fn nothing(&self) -> Fields {
        self.kind.nothing.map(|nothing| nothing.map(str::to_owned))
    }

    pub fn write(&self, name: &str, visitor: &Visitor<'_>) {
        let record = record(visitor, in_an_hour());
        let begun = begin(&self.store, name);
        assert_eq!(commit(&self.store, name, Change::Write(&record), begun.lease), Committed::Done);
    }

    pub fn touch(&self, name: &str, visitor: &Visitor<'_>) {
        let begun = begin(&self.store, name);
        let touch = Change::Touch(Expiry(now() + 3000), visitor);
        assert_eq!(commit(&self.store, name, touch, begun.lease), Committed::Done);
    }

    pub fn expire(&self, name: &str) {
        let change = match self.kind.name {
            "rustdb" => "expires=1",
            "processwire" => "ts=FROM_UNIXTIME(1000)",
            _ => "last_activity=1",
        };
        self.sql(&format!("UPDATE sessions SET {change} WHERE id='{name}'"));
    }

    pub fn listed(&self, user: &str) -> Vec<Listed> {
        let whose = Whose { user, now: now(), limit: 100, is_theirs: &|_| panic!("the table tells") };
        let mut listed = self.store.of_user(whose).unwrap();
        listed.sort_by(|one, other| one.id.cmp(&other.id));
        listed
    }

    pub fn of(&self, user: &str) -> Vec<String> {
        self.listed(user).iter().map(|listed| String::from_utf8(listed.id.to_vec()).unwrap()).collect()
    }

    pub fn apply(&self, rows: &[(&str, &Visitor<'_>)]) {
        let encode = |name: &str, visitor: &Visitor<'_>| {
            let record = record(visitor, in_an_hour());
            let mut encoded = vec![0; entry::HEADER + record.payload.len() + visitor.as_bytes().len()];
            entry::encode_session(id(name), &record, &mut encoded);
            encoded
        };
        let changes: Vec<_> = rows.iter().map(|(name, visitor)| (id(name), encode(name, visitor))).collect();
        self.store.apply(&mut changes.iter().map(|(id, entry)| (*id, entry.as_slice()))).unwrap();
    }
}

pub fn record<'v>(visitor: &Visitor<'v>, expires: Expiry) -> Record<'v> {
    Record { visitor: visitor.clone(), ..Record::new(b"Session|i:1;".as_slice(), expires) }
}

pub fn user(name: &str) -> User<'_> {
    User::Is(name.into())
}

pub fn visitor(user: &User<'_>, ip: &str, agent: &str) -> Visitor<'static> {
    Visitor::new(user, Some(ip), Some(agent.as_bytes()))
}

pub fn only(user: &User<'_>) -> Visitor<'static> {
    Visitor::new(user, None, None)
}
