//! PHP's own declarations, bound from its headers at build time. Never written by hand: they differ between versions.

#![allow(missing_docs, dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals, clippy::all)]

include!(concat!(env!("OUT_DIR"), "/php_session.rs"));

/// PHP's `SUCCESS` and `FAILURE` (`Zend/zend_types.h`).
pub const SUCCESS: zend_result = 0;
pub const FAILURE: zend_result = -1;

/// What a function of PHP's own returns that takes no arguments; null where it was disabled.
pub fn php_function(name: &std::ffi::CStr) -> ext_php_rs::types::Zval {
    use std::ptr::null_mut;

    let mut answer = ext_php_rs::types::Zval::new();
    // SAFETY: PHP's own function, called as a script calls it.
    unsafe {
        let function = ext_php_rs::ffi::zend_fetch_function_str(name.as_ptr(), name.count_bytes());
        if !function.is_null() {
            ext_php_rs::ffi::zend_call_known_function(
                function,
                null_mut(),
                null_mut(),
                &raw mut answer,
                0,
                null_mut(),
                null_mut(),
            );
        }
    }
    answer
}
