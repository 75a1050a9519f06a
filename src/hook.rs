//! Functions of PHP's that rustdb answers itself at times: their handlers are replaced while the module is loaded.
//!
//! The functions are shared by all threads of the process, and are changed before the first request and after the last
//! one only. A replacement runs in the frame of the function it stands for, so that what it leaves to PHP, argument
//! checks and messages included, is as ever.

use std::ffi::CStr;
use std::sync::OnceLock;

use ext_php_rs::ffi::{
    ext_php_rs_compiler_globals, zend_execute_data, zend_hash_str_find_ptr_lc, zend_internal_function, zif_handler,
};
use ext_php_rs::types::Zval;

/// What PHP calls for an internal function.
pub type Handler = unsafe extern "C" fn(*mut zend_execute_data, *mut Zval);

/// `ZEND_INTERNAL_FUNCTION` of Zend/zend_compile.h.
const INTERNAL: u8 = 1;

/// A function, and what is called in its place.
pub struct Hook {
    name: &'static CStr,
    ours: Handler,
    theirs: OnceLock<Handler>,
}

impl Hook {
    /// Not in place yet.
    pub const fn new(name: &'static CStr, ours: Handler) -> Hook {
        Hook { name, ours, theirs: OnceLock::new() }
    }

    fn place(&self) -> Option<&'static mut zif_handler> {
        // SAFETY: PHP's table of functions, whose main copy it uses while it starts and ends; one thread runs then.
        unsafe {
            let table = (*ext_php_rs_compiler_globals()).function_table;
            let name = self.name.to_bytes();
            let found = zend_hash_str_find_ptr_lc(table, name.as_ptr().cast(), name.len());
            let function = found.cast::<zend_internal_function>().as_mut();
            Some(&mut function.filter(|function| function.type_ == INTERNAL)?.handler)
        }
    }

    /// Puts the replacement in place; a PHP without the function goes without it.
    pub fn install(&self) {
        if let Some(place) = self.place() {
            if let Some(theirs) = place.filter(|theirs| !std::ptr::fn_addr_eq(*theirs, self.ours)) {
                // When PHP starts once more in one process, its function is where it was.
                let _ = self.theirs.set(theirs);
                *place = Some(self.ours);
            }
        }
    }

    /// Puts PHP's own one back, unless somebody else has replaced ours.
    pub fn uninstall(&self) {
        if let (Some(place), Some(theirs)) = (self.place(), self.theirs.get()) {
            if place.is_some_and(|handler| std::ptr::fn_addr_eq(handler, self.ours)) {
                *place = Some(*theirs);
            }
        }
    }

    /// Has PHP answer. May not return, so nothing droppable is on the stack.
    ///
    /// # Safety
    /// In the replacement, with its arguments.
    pub unsafe fn leave_to_php(&self, frame: *mut zend_execute_data, result: *mut Zval) {
        if let Some(theirs) = self.theirs.get() {
            // SAFETY: the caller's promise.
            unsafe { theirs(frame, result) };
        }
    }
}
