//! The reader of sessions: against payloads of real PHP, against generated ones, and against anything.

mod any;
mod generated;
mod php;
mod tree;

#[path = "../../fuzz/checks/contents.rs"]
mod checks;
