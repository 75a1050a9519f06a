//! The stores: one folder each.

pub(crate) mod busy_poll;
pub mod embedded;
pub mod mysql;
pub(crate) mod pool;
pub mod redis;
