//! What the running PHP function tells that the arguments of the callbacks do not.
//!
//! `read_and_close` is a local variable of `session_start()`, and PHP's own odds and an explicit `session_gc()` call
//! the same callback; both can be seen in the chain of running calls. The chain is short where it matters: between
//! `session_start()` and a callback there are at most the two frames of a decorating handler.

use ext_php_rs::ffi::{ext_php_rs_executor_globals, zend_execute_data};
use ext_php_rs::zend::Function;

use crate::handler_class;

/// Frames looked at.
const DEPTH: usize = 8;

/// Calls `look` with the running functions, innermost first, until it answers.
fn find<T>(look: impl Fn(&Function, &zend_execute_data) -> Option<T>) -> Option<T> {
    // SAFETY: PHP's globals of this thread, which exist as long as PHP calls us.
    let mut frame = unsafe { (*ext_php_rs_executor_globals()).current_execute_data.cast_const() };
    for _ in 0..DEPTH {
        // SAFETY: PHP's chain of running calls, which does not change while a callback runs.
        let data = unsafe { frame.as_ref() }?;
        // SAFETY: as above; the function is null in frames that are no call.
        if let Some(function) = unsafe { data.func.as_ref() } {
            if let Some(answer) = look(function, data) {
                return Some(answer);
            }
        }
        frame = data.prev_execute_data;
    }
    None
}

fn is(function: &Function, class: Option<&[u8]>, name: &[u8]) -> bool {
    // SAFETY: `common` is the part that all kinds of functions share; its pointers are valid or null.
    unsafe {
        let common = &function.common;
        let called = common.function_name.as_ref().is_some_and(|found| text(found).eq_ignore_ascii_case(name));
        let scope = common.scope.as_ref().and_then(|scope| scope.name.as_ref()).map(|name| text(name));
        called && scope == class
    }
}

/// # Safety
/// `string` is a valid string of PHP.
unsafe fn text(string: &ext_php_rs::ffi::zend_string) -> &[u8] {
    // SAFETY: `len` bytes follow from `val` on.
    unsafe { std::slice::from_raw_parts(string.val.as_ptr().cast::<u8>(), string.len) }
}

/// Whether the session is being started with `['read_and_close' => true]`.
pub fn reads_and_closes() -> bool {
    find(|function, data| {
        if !is(function, None, b"session_start") {
            return None;
        }
        // SAFETY: the arguments of an internal call lie behind its frame, as many as it says.
        let options = unsafe { (data.This.u2.num_args > 0).then(|| data.zend_call_arg(0)).flatten() };
        let option = options.and_then(|options| options.array()?.get("read_and_close")?.coerce_to_long());
        Some(option.is_some_and(|option| option != 0))
    })
    .unwrap_or(false)
}

/// Whether a script asked for garbage collection, by `session_gc()` or a handler's `gc()`, and waits for its end.
pub fn collects_explicitly() -> bool {
    find(|function, _| {
        if is(function, None, b"session_start") {
            return Some(false);
        }
        let asked = is(function, None, b"session_gc")
            || is(function, Some(b"SessionHandler"), b"gc")
            || is(function, Some(handler_class::NAME.as_bytes()), b"gc");
        (asked && !starting()).then_some(true)
    })
    .unwrap_or(false)
}

fn starting() -> bool {
    find(|function, _| is(function, None, b"session_start").then_some(())).is_some()
}
