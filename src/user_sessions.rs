//! All sessions of a user: `rustdb_user_sessions()` and `rustdb_end_user_sessions()`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ext_php_rs::boxed::ZBox;
use ext_php_rs::prelude::*;
use ext_php_rs::types::{ZendHashTable, Zval};
use rustdb_core::error::Result;

use crate::session_api::php_function;
use crate::{ini, request};

/// Adds the functions of this file to the module.
pub fn add_functions(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module.function(wrap_function!(rustdb_user_sessions)).function(wrap_function!(rustdb_end_user_sessions))
}

/// The user that a script names.
fn named(user: &Zval) -> PhpResult<String> {
    let user = user.dereference();
    let name = user.long().map(|number| number.to_string()).or_else(|| user.str().map(str::to_owned));
    name.ok_or_else(|| PhpException::from_message("rustdb: a user is named by a string or an integer".to_owned()))
}

/// The ids of the session of this request: of the one in use, and of PHP's own, which may be closed already, or in use
/// by an object that the application registered.
fn current() -> Vec<Box<[u8]>> {
    let php = php_function(c"session_id");
    let php = php.str().filter(|id| !id.is_empty()).map(|id| id.as_bytes().into());
    let in_use = request::with(|thread| thread.id().map(Box::from));
    php.into_iter().chain(in_use).collect()
}

/// Runs `work`, and makes an exception of what goes wrong.
fn attempt<T>(work: impl FnOnce() -> Result<T>) -> PhpResult<T> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| PhpException::from_message("rustdb: an internal error".to_owned()))?
        .map_err(|error| PhpException::from_message(format!("rustdb: {error}")))
}

/// The sessions of a user that have not ended, at most 1,000, the one that ends last first: for each an array with its
/// `id`, when it `expires` (seconds since 1970), the `ip` and `user_agent` of the last request, null where they are not
/// known, and whether it is the `current` one.
///
/// Throws an `Exception` when the store cannot be used.
#[php_function]
pub fn rustdb_user_sessions(user: &Zval) -> PhpResult<ZBox<ZendHashTable>> {
    let user = named(user)?;
    let current = current();
    let found = attempt(|| request::with(|thread| thread.sessions()?.of_user(&user, ini::format())))?;
    let mut list = ZendHashTable::new();
    for session in &found {
        let mut row = ZendHashTable::new();
        row.insert("id", String::from_utf8_lossy(&session.id).into_owned())?;
        row.insert("expires", session.expires.0)?;
        row.insert("ip", session.visitor.ip())?;
        row.insert("user_agent", session.visitor.agent())?;
        row.insert("current", current.contains(&session.id))?;
        list.push(row)?;
    }
    Ok(list)
}

/// Ends all sessions of a user, or all but the current one, and returns how many there were. Requests that have one in use
/// do not bring it back.
///
/// Throws an `Exception` when the store cannot be used.
#[php_function]
#[php(defaults(keep_current = false))]
pub fn rustdb_end_user_sessions(user: &Zval, keep_current: bool) -> PhpResult<i64> {
    let user = named(user)?;
    let kept = if keep_current { current() } else { Vec::new() };
    let ended = attempt(|| request::with(|thread| thread.sessions()?.end_of_user(&user, &kept, ini::format())))?;
    Ok(i64::try_from(ended).unwrap_or(i64::MAX))
}
