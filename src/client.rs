//! What the request of now tells of its visitor.
//!
//! Nothing here allocates PHP's memory or makes PHP do anything, so it may be asked at any time.

use std::ffi::{CStr, c_char};

use ext_php_rs::ffi::{TRACK_VARS_SERVER, sapi_module, zend_hash_str_find};
use ext_php_rs::zend::ProcessGlobals;
use rustdb_core::contents::Format;
use rustdb_core::sessions::Client;

use crate::{ini, save_handler};

/// The visitor of this request: what PHP's `$_SERVER` was made with, or the web server says.
pub struct OfRequest;

impl Client for OfRequest {
    fn format(&self) -> Option<Format> {
        ini::format()
    }

    fn ip(&self) -> Option<&[u8]> {
        self.variable(c"REMOTE_ADDR")
    }

    fn agent(&self) -> Option<&[u8]> {
        self.variable(c"HTTP_USER_AGENT")
    }
}

impl OfRequest {
    fn variable(&self, name: &CStr) -> Option<&[u8]> {
        let globals = ProcessGlobals::get();
        let Some(server) = globals.http_globals[TRACK_VARS_SERVER as usize].array() else {
            // PHP makes `$_SERVER` only where a script has it (`auto_globals_jit`).
            return self.of_server(name);
        };
        // SAFETY: a valid array, a C string of this length, and PHP's own place for what was found, or null. The string is
        // the array's, which nobody changes before a script runs again, and none does while a callback asks.
        unsafe {
            let value = zend_hash_str_find(server, name.as_ptr(), name.count_bytes()).as_ref()?;
            Some(save_handler::bytes(value.zend_str()?))
        }
    }

    /// The same from the web server. Not by PHP's `getenv`, which allocates.
    fn of_server(&self, name: &CStr) -> Option<&[u8]> {
        // SAFETY: PHP's table of functions of the web server, which is set once, before any request.
        let ask = unsafe { sapi_module.getenv }?;
        // SAFETY: the name is a C string of this length. What comes is null, or a C string of the request's, which stays as
        // long as it runs.
        unsafe {
            let value: *const c_char = ask(name.as_ptr(), name.count_bytes());
            (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
        }
    }
}
