//! rustdb: PHP sessions, natively. This crate is the skin: the only code that knows PHP. It holds no storage code;
//! all of that is in `rustdb-core`.
//!
//! # Layout
//! - [`ini`]: the settings, as PHP has them.
//! - [`save_handler`]: the nine callbacks that PHP's session module calls, a few lines each.
//! - [`request`]: what a thread keeps between callbacks.
//! - [`frames`]: what the running PHP function tells that the callbacks' arguments do not.
//! - [`handler_class`]: `Rustdb\SessionHandler`; [`array_settings`]: its argument.
//! - [`takeover`]: handlers that applications register, answered by rustdb; [`hook`]: how PHP's functions are replaced.
//! - [`client`]: what a request tells of its visitor; [`user_sessions`]: the functions that list and end a user's sessions.
//! - [`report`]: from core errors to PHP's warnings and log. [`info`]: phpinfo and `rustdb_status()`.
//!
//! # Rules at this border
//! Every function that PHP calls catches panics. PHP's allocator, warnings and user error handlers can leave by
//! longjmp, which runs no destructors: whatever may do that is called last, with nothing droppable on the stack.

// The macro that exports `get_module` adds functions that it does not document.
#![allow(missing_docs)]

mod array_settings;
mod client;
mod frames;
mod handler_class;
mod hook;
mod info;
mod ini;
mod payload;
mod report;
mod request;
mod save_handler;
mod session_api;
mod takeover;
mod user_sessions;

use std::panic::catch_unwind;
use std::time::Duration;

use ext_php_rs::prelude::*;
use ext_php_rs::zend::ModuleEntry;

/// How long PHP's end may be held up by a last flush.
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(300);

extern "C" fn startup(_type: i32, module_number: i32) -> i32 {
    catch_unwind(|| {
        ini::register(module_number);
        save_handler::register();
        takeover::install();
        handler_class::register().is_ok()
    })
    .map_or(1, |registered| {
        ini::warn_if_wrong();
        if registered { 0 } else { 1 }
    })
}

extern "C" fn shutdown(_type: i32, _module_number: i32) -> i32 {
    let _ = catch_unwind(|| {
        takeover::uninstall();
        rustdb_core::background::stop(SHUTDOWN_LIMIT);
        rustdb_core::host::Host::take_all_notices().iter().for_each(report::log);
    });
    0
}

extern "C" fn request_startup(_type: i32, _module_number: i32) -> i32 {
    let _ = catch_unwind(takeover::begin);
    0
}

/// After the whole request, PHP's own session shutdown included.
extern "C" fn post_deactivate() -> i32 {
    let _ = catch_unwind(|| {
        takeover::end();
        request::end();
    });
    0
}

extern "C" fn info_page(module: *mut ModuleEntry) {
    info::page(module);
}

/// The module.
#[php_module]
pub fn get_module(module: ModuleBuilder) -> ModuleBuilder {
    user_sessions::add_functions(info::add_functions(module))
        .startup_function(startup)
        .request_startup_function(request_startup)
        .shutdown_function(shutdown)
        .post_deactivate_function(post_deactivate)
        .info_function(info_page)
}
