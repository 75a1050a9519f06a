//! Redis in front of MySQL, on servers of the tests' own.

#[macro_use]
#[path = "../contract_support/mod.rs"]
mod contract_support;
#[path = "../mysql_support/mod.rs"]
mod mysql_support;
#[allow(dead_code)] // The Redis tests use the rest.
#[path = "../redis/server.rs"]
mod server;

mod believed;
mod host;
mod machine;
mod outage;
mod replaced;
mod store;
mod wire;
