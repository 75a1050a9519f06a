//! `rustdb.takeover`: applications that register a handler of their own go on as they are, on rustdb.
//!
//! `session_set_save_handler()` is answered with true for a listed handler, and rustdb stays; so are
//! `ini_set('session.save_handler', 'files')` and `session_module_name('files')` where `files` is listed. All else is
//! PHP's: handlers that are not listed, wrong arguments, a session that is active, headers that were sent.

mod handler;
mod names;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::{CStr, c_char};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use ext_php_rs::ffi::{
    ext_php_rs_sapi_globals, ext_php_rs_zend_string_init, ext_php_rs_zend_string_release, zend_call_known_function,
    zend_execute_data, zend_fcall_info_cache, zend_fetch_function_str, zend_is_callable_ex,
};
use ext_php_rs::types::{ZendObject, Zval};
use ext_php_rs::zend::ClassEntry;
use parking_lot::Mutex;
use rustdb_core::error::{Error, Result};

use crate::hook::Hook;
use crate::session_api::{
    IS_CALLABLE_SUPPRESS_DEPRECATIONS, SUCCESS, php_session_iface_entry, php_shutdown_function_entry,
    register_user_shutdown_function, remove_user_shutdown_function, zend_alter_ini_entry_chars, zend_fcall_info_init,
    zend_parse_parameters, zend_release_fcall_info_cache,
};
use crate::{ini, payload, report};
use names::Names;

static HOOKS: [Hook; 4] = [
    Hook::new(c"session_set_save_handler", set_save_handler),
    Hook::new(c"session_module_name", module_name),
    Hook::new(c"ini_set", ini_set),
    Hook::new(c"ini_alter", ini_alter),
];

/// What the process has taken over, by name; told once each.
static TAKEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// Names of classes can be made at run time; more than this nobody reads.
const MOST: usize = 100;

/// The name that PHP gives the shutdown function of its own `session_set_save_handler()`.
const SHUTDOWN: &CStr = c"session_shutdown";
/// `PHP_INI_USER` and `PHP_INI_STAGE_RUNTIME` of Zend/zend_ini.h.
const INI_USER: i32 = 1;
const INI_RUNTIME: i32 = 16;
/// `PHP_SESSION_ACTIVE`, as `session_status()` returns it.
const ACTIVE: i64 = 2;
/// `session_set_save_handler()` takes so many functions.
const FEWEST_FUNCTIONS: u32 = 6;
const MOST_FUNCTIONS: u32 = 9;

thread_local! {
    static NAMES: RefCell<Result<Names>> = RefCell::new(Ok(Names::default()));
    /// Whether there are any, so that a site without a takeover pays nothing.
    static WANTED: Cell<bool> = const { Cell::new(false) };
    /// Whether `session.save_handler` was rustdb when the request began.
    static CONFIGURED: Cell<bool> = const { Cell::new(false) };
    /// In seconds: the lifetime that the handler which was taken over in this request was built with.
    static LIFETIME: Cell<Option<i64>> = const { Cell::new(None) };
}

/// Replaces PHP's functions.
pub fn install() {
    HOOKS.iter().for_each(Hook::install);
}

/// Puts PHP's functions back.
pub fn uninstall() {
    HOOKS.iter().for_each(Hook::uninstall);
}

/// `rustdb.takeover` has this value from now on.
pub fn set(value: &str) {
    let names = Names::parse(value);
    WANTED.set(names.as_ref().is_ok_and(|names| !names.is_empty()));
    NAMES.set(names);
}

/// Fails where `rustdb.takeover` has a value that is not allowed.
pub fn check() -> Result<()> {
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
    let headers_sent = unsafe { (*ext_php_rs_sapi_globals()).headers_sent != 0 };
    WANTED.get() && (CONFIGURED.get() || is_current()) && !headers_sent && !is_active()
}

/// Whether a session is active: asked as a script does, because the state itself lies elsewhere in every version.
fn is_active() -> bool {
    const NAME: &CStr = c"session_status";
    let mut status = Zval::new();
    // SAFETY: PHP's own function, which takes no arguments and returns a number; null where it was disabled.
    unsafe {
        let function = zend_fetch_function_str(NAME.as_ptr(), NAME.count_bytes());
        if !function.is_null() {
            zend_call_known_function(function, null_mut(), null_mut(), &raw mut status, 0, null_mut(), null_mut());
        }
    }
    status.long() == Some(ACTIVE)
}

fn with_names<T>(look: impl FnOnce(&Names) -> Option<T>) -> Option<T> {
    NAMES.with_borrow(|names| names.as_ref().ok().and_then(look))
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
        let text = |class| String::from_utf8_lossy(names::name_of(class)).into_owned();
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
            Some(class) => Some(String::from_utf8_lossy(names::name_of(class)).into_owned()),
            None => names.all.then(|| "functions".to_owned()),
        }
        .map(|name| Taken { name, lifetime: None })
    })
}

/// Makes rustdb the handler, and tells so. Nothing of it fails, and nothing droppable is on the stack when PHP is called.
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

/// # Safety
/// In a function of PHP's, with its frame.
unsafe fn argument<'a>(frame: *mut zend_execute_data, place: usize) -> Option<&'a mut Zval> {
    // SAFETY: as many arguments lie behind the frame as it says.
    unsafe { ((*frame).This.u2.num_args as usize > place).then(|| (*frame).zend_call_arg(place)).flatten() }
}

fn is_text(value: Option<&mut Zval>, text: &[u8]) -> bool {
    value.and_then(|value| value.dereference().zend_str()).is_some_and(|found| found.as_bytes() == text)
}

unsafe extern "C" fn set_save_handler(frame: *mut zend_execute_data, result: *mut Zval) {
    let judged = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: PHP calls this with the frame of the function.
        let (count, first) = unsafe { ((*frame).This.u2.num_args, argument(frame, 0)) };
        if !is_possible() {
            return None;
        }
        match count {
            1 | 2 => judge(first?.dereference().object()?),
            // SAFETY: as above.
            FEWEST_FUNCTIONS..=MOST_FUNCTIONS => unsafe { judge_functions(frame, count) },
            _ => None,
        }
    }));
    let Ok(Some(taken)) = judged else {
        LIFETIME.set(None);
        // SAFETY: in the replacement, with its arguments.
        return unsafe { HOOKS[0].leave_to_php(frame, result) };
    };
    // Kept where it outlives PHP's leaving by longjmp.
    JUDGED.set(Some(taken));
    // SAFETY: as above.
    let count = unsafe { (*frame).This.u2.num_args };
    let mut write_early = count < FEWEST_FUNCTIONS;
    if write_early {
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

thread_local! {
    static JUDGED: Cell<Option<Taken>> = const { Cell::new(None) };
}

/// The form with functions. Reading and writing tell whose they are; all of them have to be callable, which PHP else
/// says in its own words.
///
/// # Safety
/// In the replacement of `session_set_save_handler()`, with `count` arguments.
unsafe fn judge_functions(frame: *mut zend_execute_data, count: u32) -> Option<Taken> {
    let mut judged = [None, None];
    for place in 0..count as usize {
        // SAFETY: the caller's promise.
        let callable = unsafe { argument(frame, place) }?;
        // SAFETY: all zeroes is what PHP's own `empty_fcall_info_cache` is.
        let mut cache: zend_fcall_info_cache = unsafe { std::mem::zeroed() };
        let mut error: *mut c_char = null_mut();
        // SAFETY: a value of PHP's, and places for the answers. It loads classes and may throw, as PHP's own check does,
        // which runs after a failure of this one.
        let callable = unsafe {
            zend_is_callable_ex(
                callable,
                null_mut(),
                IS_CALLABLE_SUPPRESS_DEPRECATIONS,
                null_mut(),
                &raw mut cache,
                &raw mut error,
            )
        };
        if !error.is_null() {
            // SAFETY: PHP made it with its allocator, for the caller to free.
            unsafe { ext_php_rs::ffi::_efree(error.cast()) };
        }
        if !callable {
            return None;
        }
        if let 2 | 3 = place {
            // SAFETY: the check has left null or what is valid; the arguments keep the objects alive.
            let (object, class) = unsafe { (cache.object.as_ref(), cache.calling_scope.as_ref()) };
            judged[place - 2] = judge_callable(object, class);
        }
        // SAFETY: filled by the check.
        unsafe { zend_release_fcall_info_cache(&raw mut cache) };
    }
    let [read, write] = judged;
    read.filter(|_| write.is_some())
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
    make_current();
}

unsafe extern "C" fn module_name(frame: *mut zend_execute_data, result: *mut Zval) {
    // SAFETY: PHP calls this with the frame of the function.
    if WANTED.get() && is_files(unsafe { argument(frame, 0) }) && takes_files() {
        return answer_with_handler(result);
    }
    // SAFETY: in the replacement, with its arguments.
    unsafe { HOOKS[1].leave_to_php(frame, result) };
}

/// Whether these are the arguments of a choice that is taken over.
///
/// # Safety
/// In the replacement of `ini_set()`, with its frame.
unsafe fn chooses_files(frame: *mut zend_execute_data) -> bool {
    // SAFETY: the caller's promise.
    let (name, value) = unsafe { (argument(frame, 0), argument(frame, 1)) };
    WANTED.get() && is_text(name, b"session.save_handler") && is_files(value) && takes_files()
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
        HOOKS[2].leave_to_php(frame, result);
    }
}

unsafe extern "C" fn ini_alter(frame: *mut zend_execute_data, result: *mut Zval) {
    // SAFETY: as in `ini_set`, whose other name this is.
    unsafe {
        if chooses_files(frame) {
            return answer_with_handler(result);
        }
        HOOKS[3].leave_to_php(frame, result);
    }
}
