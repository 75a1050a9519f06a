//! `session_set_save_handler()`: an object, or six to nine functions.

use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use ext_php_rs::ffi::{
    _efree, ext_php_rs_executor_globals, ext_php_rs_zend_string_init, zend_execute_data, zend_fcall_info_cache,
    zend_is_callable_ex,
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
/// Where among the functions those are that read and write.
const READ: usize = 2;
const WRITE: usize = 3;

thread_local! {
    /// What is about to be taken over.
    static JUDGED: Cell<Option<Taken>> = const { Cell::new(None) };
}

unsafe extern "C" fn set_save_handler(frame: *mut zend_execute_data, result: *mut Zval) {
    // SAFETY: PHP calls this with the frame of the function.
    let (count, object) = unsafe { ((*frame).This.u2.num_args, argument(frame, 0)) };
    let with_object = count <= MOST_WITH_OBJECT;
    // Both may run code of the application's, which comes before anything is looked into.
    // SAFETY: in the replacement, with its arguments.
    let callable = unsafe { are_callable(frame, count) };
    // SAFETY: PHP's globals of this thread.
    if !callable && unsafe { !(*ext_php_rs_executor_globals()).exception.is_null() } {
        // Thrown while a class was loaded; PHP's own check, which would load it once more, ends so too.
        return;
    }
    let possible = (with_object || callable) && catch_unwind(is_possible).unwrap_or(false);
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let taken = match object {
            _ if !possible => None,
            Some(object) if with_object => judge(object.dereference().object()?),
            // SAFETY: as above. The first answer is not kept, as the second question may not return.
            _ if callable && unsafe { judge_function(frame, WRITE) }.is_some() => unsafe {
                judge_function(frame, READ)
            },
            _ => None,
        };
        // Kept where it outlives PHP's leaving by longjmp.
        taken.map(|taken| JUDGED.set(Some(taken)))
    }));
    let judged = judged.ok().flatten().is_some();
    if !judged {
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

/// The form with functions: whether all of them can be called, which PHP else says in its own words. The check loads
/// classes, and may not return.
///
/// # Safety
/// In the replacement of `session_set_save_handler()`, with `count` arguments.
unsafe fn are_callable(frame: *mut zend_execute_data, count: u32) -> bool {
    // SAFETY: the caller's promise.
    WANTED.get()
        && (FEWEST_FUNCTIONS..=MOST_FUNCTIONS).contains(&count)
        && (0..count as usize).all(|place| unsafe { look_into_function(frame, place, |_, _| ()) }.is_some())
}

/// Calls `look` with the object of a function and with its class, both of which may be missing, if it can be called. They
/// are the function's, which code that the check runs may change or free: so `look` runs none, and keeps neither.
///
/// # Safety
/// In the replacement of `session_set_save_handler()`.
unsafe fn look_into_function<T>(
    frame: *mut zend_execute_data,
    place: usize,
    look: impl FnOnce(Option<&ZendObject>, Option<&ClassEntry>) -> T,
) -> Option<T> {
    // SAFETY: the caller's promise; all zeroes is what PHP's own `empty_fcall_info_cache` is.
    let (callable, mut cache) = unsafe { (argument(frame, place)?, std::mem::zeroed::<zend_fcall_info_cache>()) };
    let mut error: *mut c_char = null_mut();
    let (flags, nothing) = (IS_CALLABLE_SUPPRESS_DEPRECATIONS, null_mut());
    // SAFETY: a value of PHP's, and places for the answers, which are valid or null and stay so until PHP runs again; the
    // error is PHP's memory, for the caller to free.
    unsafe {
        if !zend_is_callable_ex(callable, null_mut(), flags, nothing, &raw mut cache, &raw mut error) {
            if !error.is_null() {
                _efree(error.cast());
            }
            return None;
        }
        let looked = look(cache.object.as_ref(), cache.calling_scope.as_ref());
        zend_release_fcall_info_cache(&raw mut cache);
        Some(looked)
    }
}

/// # Safety
/// As `look_into_function`.
unsafe fn judge_function(frame: *mut zend_execute_data, place: usize) -> Option<Taken> {
    // SAFETY: the caller's promise.
    unsafe { look_into_function(frame, place, judge_callable) }.flatten()
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
