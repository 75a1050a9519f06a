//! The choice of PHP's own files, by any of the functions that take it.

use std::panic::catch_unwind;

use ext_php_rs::ffi::zend_execute_data;
use ext_php_rs::types::Zval;

use super::{Taken, WANTED, argument, is_possible, make_current, take, with_names};
use crate::hook::Hook;
use crate::{ini, payload};

/// In place of PHP's.
pub static HOOKS: [Hook; 3] = [
    Hook::new(c"session_module_name", module_name),
    Hook::new(c"ini_set", ini_set),
    Hook::new(c"ini_alter", ini_alter),
];

fn is_text(value: Option<&mut Zval>, text: &[u8]) -> bool {
    value.and_then(|value| value.dereference().zend_str()).is_some_and(|found| found.as_bytes() == text)
}

/// Whether `files` is chosen, and to be taken over.
fn takes_files() -> bool {
    let judged = catch_unwind(|| {
        let taken = is_possible() && with_names(|names| (names.files || names.all).then_some(())).is_some();
        if taken {
            take(Taken { name: "files".to_owned(), lifetime: None });
        }
        taken
    });
    judged.unwrap_or(false)
}

/// Answers as PHP does when a handler is chosen: with the name of the one before.
fn answer_with_handler(result: *mut Zval) {
    payload::keep(ini::save_handler());
    // SAFETY: PHP passes a valid place.
    payload::copy_to(unsafe { &mut *result });
    payload::take();
    make_current();
}

unsafe extern "C" fn module_name(frame: *mut zend_execute_data, result: *mut Zval) {
    // SAFETY: PHP calls this with the frame of the function.
    unsafe {
        if WANTED.get() && count(frame) == 1 && is_files(argument(frame, 0)) && takes_files() {
            return answer_with_handler(result);
        }
        HOOKS[0].leave_to_php(frame, result);
    }
}

/// How many arguments there are. Of a wrong number PHP says so.
///
/// # Safety
/// In a function of PHP's, with its frame.
unsafe fn count(frame: *mut zend_execute_data) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { (*frame).This.u2.num_args }
}

/// Whether these are the arguments of a choice that is taken over.
///
/// # Safety
/// In the replacement of `ini_set()`, with its frame.
unsafe fn chooses_files(frame: *mut zend_execute_data) -> bool {
    // SAFETY: the caller's promise.
    let (two, name, value) = unsafe { (count(frame) == 2, argument(frame, 0), argument(frame, 1)) };
    WANTED.get() && two && is_text(name, b"session.save_handler") && is_files(value) && takes_files()
}

fn is_files(value: Option<&mut Zval>) -> bool {
    let text = value.and_then(|value| value.dereference().zend_str());
    text.is_some_and(|text| text.as_bytes().eq_ignore_ascii_case(b"files"))
}

unsafe extern "C" fn ini_set(frame: *mut zend_execute_data, result: *mut Zval) {
    // SAFETY: PHP calls this with the frame of the function.
    unsafe {
        if chooses_files(frame) {
            return answer_with_handler(result);
        }
        HOOKS[1].leave_to_php(frame, result);
    }
}

unsafe extern "C" fn ini_alter(frame: *mut zend_execute_data, result: *mut Zval) {
    // SAFETY: as in `ini_set`, whose other name this is.
    unsafe {
        if chooses_files(frame) {
            return answer_with_handler(result);
        }
        HOOKS[2].leave_to_php(frame, result);
    }
}
