//! The stores: one folder each.

pub mod embedded;
pub mod mysql;
mod pool;
pub mod redis;
