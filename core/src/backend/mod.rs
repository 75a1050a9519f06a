//! The stores: one folder each.

pub mod embedded;
pub mod mysql;
pub(crate) mod pool;
pub mod redis;
