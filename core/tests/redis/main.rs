//! The Redis store against servers of the tests' own.

#[macro_use]
#[path = "../contract_support/mod.rs"]
mod contract_support;
mod alone;
mod cluster;
mod lease;
mod load;
mod moving;
mod nodes;
mod phpredis;
mod proxy;
mod sentinel;
mod server;
mod store;
mod tls;
mod trouble;
mod users;
mod users_cluster;
mod users_site;
mod wire;
