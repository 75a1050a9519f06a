//! `rustdb.takeover`: applications that register a handler of their own go on as they are, on rustdb.
//!
//! `session_set_save_handler()` is answered with true for a listed handler, and rustdb stays; so are
//! `ini_set('session.save_handler', 'files')` and `session_module_name('files')` where `files` is listed. All else is
//! PHP's: handlers that are not listed, wrong arguments, a session that is active, headers that were sent.

mod files;
mod handler;
mod names;
mod registration;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::CStr;

use ext_php_rs::ffi::{
    ext_php_rs_sapi_globals, ext_php_rs_zend_string_init, ext_php_rs_zend_string_release, zend_execute_data,
};
use ext_php_rs::types::Zval;
use parking_lot::Mutex;
use rustdb_core::error::{Error, Result};

use crate::hook::Hook;
use crate::session_api::{php_function, zend_alter_ini_entry_chars};
use crate::{ini, report};
use names::Names;

/// What the process has taken over, by name; told once each.
static TAKEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// Names of classes can be made at run time; more than this nobody reads.
const MOST: usize = 100;

/// `PHP_INI_USER` and `PHP_INI_STAGE_RUNTIME` of Zend/zend_ini.h.
const INI_USER: i32 = 1;
const INI_RUNTIME: i32 = 16;
/// `PHP_SESSION_ACTIVE`, as `session_status()` returns it.
const ACTIVE: i64 = 2;

thread_local! {
    static NAMES: RefCell<Result<Names>> = RefCell::new(Ok(Names::default()));
    /// Whether there are any, so that a site without a takeover pays nothing.
    static WANTED: Cell<bool> = const { Cell::new(false) };
    /// Whether the value is not allowed.
    static WRONG: Cell<bool> = const { Cell::new(false) };
    /// Whether `session.save_handler` was rustdb when the request began.
    static CONFIGURED: Cell<bool> = const { Cell::new(false) };
    /// In seconds: the lifetime that the handler which was taken over in this request was built with.
    static LIFETIME: Cell<Option<i64>> = const { Cell::new(None) };
}

fn hooks() -> impl Iterator<Item = &'static Hook> {
    std::iter::once(&registration::HOOK).chain(&files::HOOKS)
}

/// Replaces PHP's functions.
pub fn install() {
    hooks().for_each(Hook::install);
}

/// Puts PHP's functions back.
pub fn uninstall() {
    hooks().for_each(Hook::uninstall);
}

/// `rustdb.takeover` has this value from now on.
pub fn set(value: &str) {
    let names = Names::parse(value);
    WANTED.set(names.as_ref().is_ok_and(|names| !names.is_empty()));
    WRONG.set(names.is_err());
    NAMES.set(names);
}

/// Fails where `rustdb.takeover` has a value that is not allowed.
pub fn check() -> Result<()> {
    if !WRONG.get() {
        return Ok(());
    }
    NAMES.with_borrow(|names| names.as_ref().map(|_| ()).map_err(Error::clone))
}

/// A request begins, with the settings that it has.
pub fn begin() {
    if WANTED.get() {
        CONFIGURED.set(is_current());
    }
}

/// A request ends.
pub fn end() {
    CONFIGURED.set(false);
    LIFETIME.set(None);
}

/// The lifetime that counts instead of PHP's in this request, in seconds.
pub fn lifetime() -> Option<i64> {
    LIFETIME.get()
}

/// What this process has taken over.
pub fn taken() -> Vec<String> {
    TAKEN.lock().iter().cloned().collect()
}

fn is_current() -> bool {
    ini::save_handler().eq_ignore_ascii_case(b"rustdb")
}

/// What is taken over: as it is told, and its lifetime.
struct Taken {
    name: String,
    lifetime: Option<i64>,
}

/// Whether anything is to be taken over here and now. Where a session is active or headers were sent PHP refuses, with
/// its own words.
fn is_possible() -> bool {
    // SAFETY: PHP's globals of this thread.
    let headers_sent = unsafe { i32::from((*ext_php_rs_sapi_globals()).headers_sent) != 0 };
    WANTED.get() && (CONFIGURED.get() || is_current()) && !headers_sent && !is_active()
}

/// Whether a session is active: asked as a script does, because the state itself lies elsewhere in every version.
fn is_active() -> bool {
    php_function(c"session_status").long() == Some(ACTIVE)
}

fn with_names<T>(look: impl FnOnce(&Names) -> Option<T>) -> Option<T> {
    NAMES.with_borrow(|names| names.as_ref().ok().and_then(look))
}

/// Notes what is taken over, and tells so.
fn take(taken: Taken) {
    LIFETIME.set(taken.lifetime);
    let new = {
        let mut told = TAKEN.lock();
        told.len() < MOST && told.insert(taken.name.clone())
    };
    if new {
        report::log_notice(&format!("{} is taken over (rustdb.takeover): its sessions are kept by rustdb", taken.name));
    }
}

/// An earlier handler of the application's, or PHP's own, may have been chosen since the request began.
fn make_current() {
    if is_current() {
        return;
    }
    const NAME: &CStr = c"session.save_handler";
    const VALUE: &CStr = c"rustdb";
    // SAFETY: strings of these lengths; PHP frees the one of ours that is left if it does not return.
    unsafe {
        let name = ext_php_rs_zend_string_init(NAME.as_ptr(), NAME.count_bytes(), false);
        zend_alter_ini_entry_chars(name, VALUE.as_ptr(), VALUE.count_bytes(), INI_USER, INI_RUNTIME);
        ext_php_rs_zend_string_release(name);
    }
}

/// # Safety
/// In a function of PHP's, with its frame.
unsafe fn argument<'a>(frame: *mut zend_execute_data, place: usize) -> Option<&'a mut Zval> {
    // SAFETY: as many arguments lie behind the frame as it says.
    unsafe { ((*frame).This.u2.num_args as usize > place).then(|| (*frame).zend_call_arg(place)).flatten() }
}
