//! PHP's own declarations, bound from its headers at build time. Never written by hand: they differ between versions.

#![allow(missing_docs, dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals, clippy::all)]

include!(concat!(env!("OUT_DIR"), "/php_session.rs"));

/// PHP's `SUCCESS` and `FAILURE` (`Zend/zend_types.h`).
pub const SUCCESS: zend_result = 0;
pub const FAILURE: zend_result = -1;
