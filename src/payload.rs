//! A session's payload on its way into PHP's memory.
//!
//! PHP's allocator leaves by longjmp at the memory limit, so the payload waits in a place that outlives that.

use std::cell::UnsafeCell;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::ffi::{ext_php_rs_zend_string_init, zend_string};
use ext_php_rs::types::Zval;

thread_local! {
    static PAYLOAD: UnsafeCell<Vec<u8>> = const { UnsafeCell::new(Vec::new()) };
}

/// Keeps a payload for [`copy`].
pub fn keep(payload: Vec<u8>) {
    // SAFETY: this thread only, and nothing else borrows it.
    PAYLOAD.with(|place| unsafe { *place.get() = payload });
}

/// Copies the kept payload into a string of PHP. May not return, so nothing droppable is on the stack.
pub fn copy() -> *mut zend_string {
    let (start, length) = PAYLOAD.with(|place| {
        // SAFETY: as above.
        let place = unsafe { &*place.get() };
        (place.as_ptr(), place.len())
    });
    // SAFETY: the bytes stay until they are copied.
    unsafe { ext_php_rs_zend_string_init(start.cast(), length, false) }
}

/// Takes the kept payload, so that a large session's memory is not kept between requests.
pub fn take() -> Vec<u8> {
    // SAFETY: as above.
    PAYLOAD.with(|place| unsafe { std::mem::take(&mut *place.get()) })
}

/// The same, as a value of PHP.
pub fn copy_to(value: &mut Zval) {
    set(value, copy());
}

/// Makes `string`, which the caller owns, the value.
pub fn set(value: &mut Zval, string: *mut zend_string) {
    // SAFETY: a valid string, whose one reference goes over to the value.
    value.set_zend_string(unsafe { ZBox::from_raw(string) });
}
