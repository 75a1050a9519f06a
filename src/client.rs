//! What the request of now tells of its visitor.
//!
//! Nothing here allocates PHP's memory or makes PHP do anything, so it may be asked at any time.

use std::ffi::{CStr, c_char};

use ext_php_rs::ffi::{TRACK_VARS_SERVER, sapi_module};
use ext_php_rs::zend::ProcessGlobals;
use rustdb_core::sessions::Client;

use crate::ini;

/// The visitor of this request: what PHP's `$_SERVER` was made with, or the web server says.
pub fn of_request() -> Client {
    let ip = variable(c"REMOTE_ADDR").and_then(|ip| String::from_utf8(ip).ok());
    Client { format: ini::format(), ip, agent: variable(c"HTTP_USER_AGENT") }
}

fn variable(name: &CStr) -> Option<Vec<u8>> {
    let globals = ProcessGlobals::get();
    match globals.http_globals[TRACK_VARS_SERVER as usize].array() {
        Some(server) => Some(server.get(name.to_str().ok()?)?.zend_str()?.as_bytes().to_vec()),
        // PHP makes `$_SERVER` only where a script has it (`auto_globals_jit`).
        None => of_server(name),
    }
}

/// The same from the web server. Not by PHP's `getenv`, which allocates.
fn of_server(name: &CStr) -> Option<Vec<u8>> {
    // SAFETY: PHP's table of functions of the web server, which is set once, before any request.
    let ask = unsafe { sapi_module.getenv }?;
    // SAFETY: the name is a C string of this length. What comes is null, or a C string of the request's.
    unsafe {
        let value: *const c_char = ask(name.as_ptr(), name.count_bytes());
        (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes().to_vec())
    }
}
