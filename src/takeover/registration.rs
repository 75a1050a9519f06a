//! `session_set_save_handler()`: an object, or six to nine functions.

use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};

use ext_php_rs::ffi::{
    _efree, ext_php_rs_zend_string_init, zend_execute_data, zend_fcall_info_cache, zend_is_callable_ex,
};
use ext_php_rs::types::{ZendObject, Zval};
use ext_php_rs::zend::ClassEntry;

use super::names::name_of;
use super::{LIFETIME, Taken, WANTED, argument, handler, is_possible, make_current, take, with_names};
use crate::hook::Hook;
use crate::payload;
use crate::session_api::{
    IS_CALLABLE_SUPPRESS_DEPRECATIONS, SUCCESS, php_session_iface_entry, php_shutdown_function_entry,
    register_user_shutdown_function, remove_user_shutdown_function, zend_fcall_info_init, zend_parse_parameters,
    zend_release_fcall_info_cache,
};

/// In place of PHP's.
pub static HOOK: Hook = Hook::new(c"session_set_save_handler", set_save_handler);

/// The name that PHP gives the shutdown function of its own `session_set_save_handler()`.
const SHUTDOWN: &CStr = c"session_shutdown";
/// What it takes: an object and a flag, or so many functions.
const MOST_WITH_OBJECT: u32 = 2;
const FEWEST_FUNCTIONS: u32 = 6;
const MOST_FUNCTIONS: u32 = 9;

thread_local! {
    /// What is about to be taken over.
    static JUDGED: Cell<Option<Taken>> = const { Cell::new(None) };
}

unsafe extern "C" fn set_save_handler(frame: *mut zend_execute_data, result: *mut Zval) {
    // SAFETY: PHP calls this with the frame of the function.
    let (count, object) = unsafe { ((*frame).This.u2.num_args, argument(frame, 0)) };
    let with_object = count <= MOST_WITH_OBJECT;
    // SAFETY: in the replacement, with its arguments.
    let functions = unsafe { functions(frame, count) };
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let taken = match functions {
            _ if !is_possible() => None,
            Some([read, write]) => judge_function(read).filter(|_| judge_function(write).is_some()),
            None if with_object => object.and_then(|object| judge(object.dereference().object()?)),
            None => None,
        };
        let found = taken.is_some();
        // Kept where it outlives PHP's leaving by longjmp.
        JUDGED.set(taken);
        found
    }));
    if !judged.unwrap_or(false) {
        // SAFETY: in the replacement, with its arguments and its place for the result.
        unsafe {
            HOOK.leave_to_php(frame, result);
            if (*result).bool() == Some(true) {
                LIFETIME.set(None);
            }
        }
        return;
    }
    let mut write_early = with_object;
    if with_object {
        let mut object: *mut Zval = null_mut();
        // SAFETY: PHP's own check of an object and a boolean, with its format and its default. What it finds wrong it
        // has thrown when it returns.
        let checked = unsafe {
            let (object, class) = (&raw mut object, php_session_iface_entry);
            zend_parse_parameters(count, c"O|b".as_ptr(), object, class, &raw mut write_early)
        };
        if checked != SUCCESS {
            return JUDGED.set(None);
        }
    }
    let _ = catch_unwind(|| JUDGED.take().map(take));
    make_current();
    write_at_shutdown(write_early);
    // SAFETY: PHP passes a valid place.
    unsafe { (*result).set_bool(true) };
}

/// The object of a function, or its class where it is static; null where it has none.
type Function = (*const ZendObject, *const ClassEntry);

/// The form with functions: whose the third and the fourth are, which read and write. None unless all of them can be
/// called, which PHP else says in its own words. The check loads classes, and may not return.
///
/// # Safety
/// In the replacement of `session_set_save_handler()`, with `count` arguments.
unsafe fn functions(frame: *mut zend_execute_data, count: u32) -> Option<[Function; 2]> {
    if !WANTED.get() || !(FEWEST_FUNCTIONS..=MOST_FUNCTIONS).contains(&count) {
        return None;
    }
    let mut found = [(null(), null()); 2];
    for place in 0..count as usize {
        // SAFETY: the caller's promise; all zeroes is what PHP's own `empty_fcall_info_cache` is.
        let (callable, mut cache) = unsafe { (argument(frame, place)?, std::mem::zeroed::<zend_fcall_info_cache>()) };
        let mut error: *mut c_char = null_mut();
        let (flags, nothing) = (IS_CALLABLE_SUPPRESS_DEPRECATIONS, null_mut());
        // SAFETY: a value of PHP's, and places for the answers; the error is PHP's memory, for the caller to free.
        unsafe {
            if !zend_is_callable_ex(callable, null_mut(), flags, nothing, &raw mut cache, &raw mut error) {
                if !error.is_null() {
                    _efree(error.cast());
                }
                return None;
            }
            if let 2 | 3 = place {
                found[place - 2] = (cache.object.cast_const(), cache.calling_scope.cast_const());
            }
            zend_release_fcall_info_cache(&raw mut cache);
        }
    }
    Some(found)
}

fn judge_function((object, class): Function) -> Option<Taken> {
    // SAFETY: as PHP's check found them; the arguments keep the objects, and the objects their classes.
    let (object, class) = unsafe { (object.as_ref(), class.as_ref()) };
    judge_callable(object, class)
}

/// Whether an object that is registered as a handler, or gives its methods as one, is to be taken over.
fn judge(object: &ZendObject) -> Option<Taken> {
    with_names(|names| {
        let listed = |object| Some(handler::class_of(object)).filter(|class| names.have(class));
        let class = match handler::find(object, &listed) {
            Some(class) => class,
            None if names.all && !handler::is_ours(object) => handler::class_of(object),
            None => return None,
        };
        let own = handler::class_of(object);
        let text = |class| String::from_utf8_lossy(name_of(class)).into_owned();
        let name = if own == class { text(own) } else { format!("{} around {}", text(own), text(class)) };
        Some(Taken { name, lifetime: handler::lifetime(object) })
    })
}

/// The same for a function: by its object, or by its class where it is static.
fn judge_callable(object: Option<&ZendObject>, class: Option<&ClassEntry>) -> Option<Taken> {
    if let Some(object) = object {
        return judge(object);
    }
    with_names(|names| {
        let class = class.filter(|class| names.all || names.have(class));
        match class {
            Some(class) => Some(String::from_utf8_lossy(name_of(class)).into_owned()),
            None => names.all.then(|| "functions".to_owned()),
        }
        .map(|name| Taken { name, lifetime: None })
    })
}

/// As PHP does for a handler of the application's: with `wanted`, the session is written before shutdown functions that
/// are registered later, and else at the very end.
fn write_at_shutdown(wanted: bool) {
    if !wanted {
        // SAFETY: a C string of this length.
        unsafe { remove_user_shutdown_function(SHUTDOWN.as_ptr(), SHUTDOWN.count_bytes()) };
        return;
    }
    const FUNCTION: &CStr = c"session_register_shutdown";
    let mut callable = ManuallyDrop::new(Zval::new());
    let mut entry = MaybeUninit::<php_shutdown_function_entry>::zeroed();
    // SAFETY: PHP's own sequence (session_set_save_handler in ext/session/session.c). The entry is copied and owns the
    // string, so neither of ours is dropped.
    unsafe {
        let name = ext_php_rs_zend_string_init(FUNCTION.as_ptr(), FUNCTION.count_bytes(), false);
        payload::set(&mut callable, name);
        let (fci, cache) = (&raw mut (*entry.as_mut_ptr()).fci, &raw mut (*entry.as_mut_ptr()).fci_cache);
        if zend_fcall_info_init(&raw mut *callable, 0, fci, cache, null_mut(), null_mut()) == SUCCESS {
            register_user_shutdown_function(SHUTDOWN.as_ptr(), SHUTDOWN.count_bytes(), entry.as_mut_ptr());
        }
    }
}
