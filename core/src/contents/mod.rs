//! What is inside a session, read without unserialising it.
//!
//! PHP hands a session over as one string. For the user's id, or for the question whether anything but a clock has
//! changed in it, that string is read here as it stands: no value is made, no class is looked up, strings are skipped by
//! their length. What is asked for is named by a [`Path`] of keys.
//!
//! - [`Format`]: how the string is laid out (`session.serialize_handler`). A format not known here is not read.
//! - [`Path`]: the way to a value, as a setting has it: `account.current_user_id`.
//! - [`find()`]: the [`Scalar`] at a path. [`same_but_for`]: whether two payloads differ at some paths only.
//! - `cursor` moves over values one by one (`value`; what they are made of: `literals`), `members` walks along paths. Both
//!   take any input in time proportional to its length, and neither nests calls by what is in it. A key and its value
//!   cost 6 to 7 ns, however long a string it is, so 64 KiB with 1,000 of them 6 to 7 us; up to 25 ns where neither the
//!   kinds of values nor the lengths have any order that a processor could guess. Payloads that differ are read as far
//!   as they are alike.
//!
//! The grammar is PHP's, as ext/standard/var.c writes and ext/standard/var_unserializer.re reads it.

mod changes;
mod cursor;
mod find;
mod format;
mod letters;
mod literals;
mod members;
mod path;
mod scalar;
mod value;
mod variable;

pub use changes::same_but_for;
pub use find::{find, find_each};
pub use format::Format;
pub use path::Path;
pub use scalar::Scalar;

/// The paths, with commas between them, at which applications keep the id of the user who is logged in.
///
/// - UserFrosting: `account.current_user_id`. ProcessWire: `Session._user.id`.
/// - Laravel: `login_web_` and the SHA-1 of `Illuminate\Auth\SessionGuard` (`SessionGuard::getName`), for the guard `web`.
pub const USER_KEYS: &str =
    "account.current_user_id,Session._user.id,login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d";

/// The paths, with commas between them, of what changes with each request and means nothing else than that there was one.
///
/// - ProcessWire sets `Session._user.ts` (`Session::isValidSession` in wire/core/Session.php), and its SessionHandlerDB
///   a `ts` under its own name (`SessionHandlerDB::init`, by `Session::setFor`).
/// - Symfony sets `_sf2_meta.u` (`MetadataBag::initialize` in its component http-foundation).
pub const VOLATILE_KEYS: &str = "Session._user.ts,Session.SessionHandlerDB.ts,_sf2_meta.u";
