//! `rustdb.migrate_from`: sessions brought over from where they were kept before, from real servers of the tests' own.

#[path = "../contract_support/mod.rs"]
mod contract_support;
#[path = "../mysql_support/mod.rs"]
mod mysql_support;
#[allow(dead_code)] // The Redis tests use the rest.
#[path = "../redis/server.rs"]
mod server;

mod at_once;
mod files;
mod here;
mod memcached;
mod moving;
mod places;
mod servers;
mod settings;
mod trouble;
