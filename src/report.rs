//! From errors of the core to PHP's warnings and log.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int};
use std::time::{Duration, Instant};

use ext_php_rs::ffi::php_error_docref;
use ext_php_rs::zend::ExecutorGlobals;
use rustdb_core::error::{Error, ErrorKind};

use crate::session_api::{php_log_err_with_severity, zend_argument_value_error};

const E_WARNING: c_int = 2;
const E_CORE_WARNING: c_int = 32;
/// `LOG_WARNING` of syslog(3), which PHP's log function takes.
const LOG_WARNING: c_int = 4;
const LOG_NOTICE: c_int = 5;
/// A silenced failure goes to the log at most this often for each cause.
const QUIET: Duration = Duration::from_secs(60);
const LONGEST: usize = 1000;

thread_local! {
    /// The message on its way to PHP, which may never return from showing it.
    static MESSAGE: UnsafeCell<[c_char; LONGEST + 1]> = const { UnsafeCell::new([0; LONGEST + 1]) };
    static WAITING: Cell<bool> = const { Cell::new(false) };
    static LOGGED: RefCell<HashMap<ErrorKind, Instant>> = RefCell::new(HashMap::new());
}

fn text_of(error: &Error) -> String {
    format!("rustdb: {error}")
}

/// Keeps a message for [`show`].
pub fn keep(error: &Error) {
    log_if_silenced(error);
    place(&text_of(error));
    WAITING.set(true);
}

/// Keeps a message for [`throw_value_error`].
pub fn keep_for_exception(message: &str) {
    place(message);
}

fn place(text: &str) {
    // On a character boundary, and without NUL, which would end it early.
    let mut length = text.len().min(LONGEST);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    MESSAGE.with(|message| {
        // SAFETY: this thread only, and PHP reads it only in `show`.
        let message = unsafe { &mut *message.get() };
        for (place, byte) in message.iter_mut().zip(text.as_bytes()[..length].iter().chain([&0])) {
            *place = *byte as c_char;
        }
    });
}

/// Raises the kept message as a warning. Called last in a callback, with nothing droppable on the stack: a user's
/// error handler may leave by longjmp.
pub fn show() {
    if !WAITING.replace(false) {
        return;
    }
    let message = MESSAGE.with(|message| message.get().cast::<c_char>());
    // SAFETY: the message ends with NUL and stays where it is; it is an argument, never the format.
    unsafe { php_error_docref(std::ptr::null(), E_WARNING, c"%s".as_ptr(), message) };
}

/// Throws a `ValueError` for an argument with the kept message. Called last, as [`show`].
pub fn throw_value_error(argument: u32) {
    let message = MESSAGE.with(|message| message.get().cast::<c_char>());
    // SAFETY: as in `show`.
    unsafe { zend_argument_value_error(argument, c"is not usable: %s".as_ptr(), message) };
}

/// Warns while PHP starts.
pub fn startup_warning(error: &Error) {
    if let Ok(text) = CString::new(text_of(error)) {
        // SAFETY: both strings end with NUL and outlive the call; no PHP code runs yet that could leave by longjmp.
        unsafe { php_error_docref(std::ptr::null(), E_CORE_WARNING, c"%s".as_ptr(), text.as_ptr()) };
    }
}

/// Writes to PHP's error log.
pub fn log(error: &Error) {
    write_to_log(&text_of(error), LOG_WARNING);
}

/// Writes what is no trouble to PHP's error log.
pub fn log_notice(message: &str) {
    write_to_log(&format!("rustdb: {message}"), LOG_NOTICE);
}

fn write_to_log(text: &str, severity: c_int) {
    if let Ok(text) = CString::new(text) {
        // SAFETY: the string ends with NUL; PHP's log calls no PHP code.
        unsafe { php_log_err_with_severity(text.as_ptr(), severity) };
    }
}

/// Applications silence warnings (`@session_start()`); what fails then is written to the log all the same.
fn log_if_silenced(error: &Error) {
    let silenced = ExecutorGlobals::get().error_reporting & E_WARNING == 0;
    // A bad id comes from a visitor and is no failure of the server's.
    if !silenced || error.kind() == ErrorKind::InvalidId {
        return;
    }
    let lately = LOGGED.with_borrow_mut(|logged| {
        let lately = logged.get(&error.kind()).is_some_and(|logged| logged.elapsed() < QUIET);
        if !lately {
            logged.insert(error.kind(), Instant::now());
        }
        lately
    });
    if !lately {
        log(error);
    }
}
