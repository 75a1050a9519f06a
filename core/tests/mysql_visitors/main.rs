//! Who uses a session, in the columns of each table of MySQL: what stands there after what, and who is found by it.
//!
//! The tables are made by the statements of their owners, as in `mysql_layouts.rs`.

#[path = "../contract_support/mod.rs"]
mod contract_support;
#[path = "../mysql_support/mod.rs"]
mod mysql_support;

mod found;
mod names;
mod place;
mod rows;
