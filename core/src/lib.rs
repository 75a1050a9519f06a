//! The core of rustdb: everything about sessions that does not need PHP.
//!
//! # Layout
//! A request goes down this list and up again.
//!
//! - [`sessions`]: `begin`, `commit`, `release`: the path of a session, readable top to bottom. Start here.
//! - [`host`]: an open store, shared by the threads of a process; [`background`]: the thread that flushes and collects.
//! - [`lock`]: the host lock of a session, and the queue of those who wait for it.
//! - [`store`]: the contract of a place that keeps sessions.
//! - [`buffered`]: the [`buffer`] in shared memory in front of a store; a store itself. [`unbuffered`]: a store without
//!   one. [`collector`]: how either collects garbage.
//! - [`backend`]: the stores, one folder each; [`backend::embedded`] needs no server.
//! - [`chain`]: Redis in front of MySQL; a store too.
//! - `lead`: what leads from an id that was replaced to the new one.
//! - [`migrate`]: where sessions were kept before, and are brought over from.
//! - [`record`] and [`entry`]: what a session is, and how it is laid out as one value. [`visitor`]: who used it last.
//!   [`contents`]: what is inside its
//!   payload.
//! - `claim`: a store on a server that one machine has for itself.
//! - [`config`]: the settings, as types; [`server`]: where a store on a server is. [`error`], [`notices`]: what can go wrong and who hears of it.
//! - [`directory`], [`owner`], [`shared`], [`process`], [`lmdb`]: the ground: safe directories, who is using them,
//!   counters in shared memory, forks, and LMDB.
//!
//! The arrow points one way: nothing here knows PHP, and a store knows nothing of what stands in front of it.

pub mod backend;
pub mod background;
pub mod buffer;
pub mod buffered;
pub mod chain;
mod claim;
pub mod collector;
pub mod config;
pub mod contents;
pub mod directory;
pub mod entry;
pub mod error;
pub mod host;
mod lead;
pub mod lmdb;
pub mod lock;
pub mod migrate;
pub mod notices;
pub mod owner;
pub mod process;
pub mod record;
pub mod server;
pub mod sessions;
pub mod shared;
pub mod store;
pub mod unbuffered;
pub mod visitor;
