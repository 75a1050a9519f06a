//! The nine callbacks of a save handler, as `ext/session/mod_files.c` documents them.
//!
//! Each converts its arguments, asks [`request`], and answers; a failure is kept and raised as a warning last.
//! `mod_data` is only a flag for PHP: what is kept between callbacks belongs to the thread.

use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ext_php_rs::ffi::{ext_php_rs_zend_string_init, ext_php_rs_zend_string_release, zend_string};
use rustdb_core::error::{Error, ErrorKind, Result};
use rustdb_core::sessions::{Intent, Sessions};

use crate::request::Thread;
use crate::session_api::{
    FAILURE, SUCCESS, php_session_create_id, php_session_register_module, ps_module, zend_ini_long, zend_long,
    zend_result,
};
use crate::{frames, payload, report, request, takeover};

struct Module(ps_module);

// SAFETY: the table is never changed, and its pointers are to statics.
unsafe impl Sync for Module {}

static MODULE: Module = Module(ps_module {
    s_name: c"rustdb".as_ptr(),
    s_open: Some(open),
    s_close: Some(close),
    s_read: Some(read),
    s_write: Some(write),
    s_destroy: Some(destroy),
    s_gc: Some(gc),
    s_create_sid: Some(create_sid),
    s_validate_sid: Some(validate_sid),
    s_update_timestamp: Some(update_timestamp),
});

/// PHP destroys sessions only where `mod_data` is not null.
static OPEN: u8 = 1;

/// Registers the handler with PHP's session module.
pub fn register() {
    // SAFETY: the table lives for the whole process. A full list of handlers (PHP allows 32) leaves this one out,
    // and PHP says so when it is asked for.
    unsafe { php_session_register_module(&MODULE.0) };
}

/// Runs a callback's work, keeps its failure for [`report::show`], and catches its panics.
pub fn attempt<T>(work: impl FnOnce() -> Result<T>) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Internal, "an internal error; the session was not changed. Please report it"))
    });
    done.map_err(|error| report::keep(&error)).ok()
}

fn result(done: bool) -> zend_result {
    report::show();
    if done { SUCCESS } else { FAILURE }
}

/// # Safety
/// `string` is a valid string of PHP that outlives `'a`.
pub unsafe fn bytes<'a>(string: *const zend_string) -> &'a [u8] {
    // SAFETY: the caller's promise; `len` bytes follow from `val` on.
    unsafe {
        let string = &*string;
        std::slice::from_raw_parts(string.val.as_ptr().cast::<u8>(), string.len)
    }
}

/// Opens the store. May be called again without a close (`session_reset()`): the session and its lock stay.
unsafe extern "C" fn open(mod_data: *mut *mut c_void, save_path: *const c_char, _name: *const c_char) -> zend_result {
    let done = attempt(|| {
        // SAFETY: PHP passes a C string, or null where session.save_path is not set.
        let save_path = if save_path.is_null() { &[] } else { unsafe { CStr::from_ptr(save_path) }.to_bytes() };
        takeover::check()?;
        let sessions = request::with(|thread| {
            if thread.has_heir() && !frames::regenerates_id() {
                thread.let_go_of_heir();
            }
            thread.open(save_path)
        })?;
        // SAFETY: PHP passes a valid place.
        unsafe { *mod_data = (&raw const OPEN).cast_mut().cast() };
        collect_by_chance(&sessions);
        Ok(())
    });
    let _ = catch_unwind(request::tell_notices);
    result(done.is_some())
}

/// Lets go of the session. Called after failures too, and twice: always succeeds.
unsafe extern "C" fn close(mod_data: *mut *mut c_void) -> zend_result {
    // SAFETY: PHP passes a valid place.
    unsafe { *mod_data = std::ptr::null_mut() };
    attempt(|| {
        request::with(Thread::close);
        Ok(())
    });
    let _ = catch_unwind(request::tell_notices);
    report::show();
    SUCCESS
}

/// Reads a session: an empty string where there is none, a failure only where it cannot be told.
unsafe extern "C" fn read(
    _mod_data: *mut *mut c_void,
    key: *mut zend_string,
    value: *mut *mut zend_string,
    _lifetime: zend_long,
) -> zend_result {
    let payload = attempt(|| {
        // SAFETY: PHP passes a valid string.
        let id = unsafe { bytes(key) };
        let read_only = frames::reads_and_closes();
        request::with(|thread| {
            let payload = thread.read(id, read_only)?;
            thread.untaken();
            Ok(payload)
        })
    });
    let Some(payload) = payload else { return result(false) };
    payload::keep(payload);
    // SAFETY: PHP passes a valid place.
    unsafe { *value = payload::copy() };
    let payload = payload::take();
    let _ = catch_unwind(AssertUnwindSafe(|| request::with(|thread| thread.taken(payload))));
    result(true)
}

/// Writes a session.
unsafe extern "C" fn write(
    _mod_data: *mut *mut c_void,
    key: *mut zend_string,
    value: *mut zend_string,
    lifetime: zend_long,
) -> zend_result {
    // SAFETY: PHP passes valid strings.
    let (id, payload) = unsafe { (bytes(key), bytes(value)) };
    commit(id, Intent::Write(payload), lifetime)
}

/// Moves the expiry of a session that is as it was.
unsafe extern "C" fn update_timestamp(
    _mod_data: *mut *mut c_void,
    key: *mut zend_string,
    value: *mut zend_string,
    lifetime: zend_long,
) -> zend_result {
    // SAFETY: PHP passes valid strings.
    let (id, payload) = unsafe { (bytes(key), bytes(value)) };
    commit(id, Intent::Unchanged(payload), lifetime)
}

/// Ends a session; one that does not exist is ended already.
unsafe extern "C" fn destroy(mod_data: *mut *mut c_void, key: *mut zend_string) -> zend_result {
    // SAFETY: PHP passes a valid string.
    let id = unsafe { bytes(key) };
    let is_replaced = catch_unwind(|| request::with(|thread| thread.has_successor(id)) && frames::regenerates_id());
    if !is_replaced.unwrap_or(false) {
        return commit(id, Intent::Destroy, 0);
    }
    // SAFETY: PHP's own function, with the argument it passed.
    let new = unsafe { php_session_create_id(mod_data) };
    if new.is_null() {
        return commit(id, Intent::Destroy, 0);
    }
    let done = attempt(|| {
        // SAFETY: PHP returned a valid string.
        let new = unsafe { bytes(new) };
        request::with(|thread| thread.hand_over(id, new))
    });
    // SAFETY: it is nobody else's.
    unsafe { ext_php_rs_zend_string_release(new) };
    result(done.is_some())
}

fn commit(id: &[u8], intent: Intent<'_>, lifetime: zend_long) -> zend_result {
    let lifetime = takeover::lifetime().unwrap_or(lifetime);
    let done = attempt(|| request::with(|thread| thread.commit(id, intent, lifetime)));
    result(done.is_some())
}

/// Collects garbage: at once where a script asked for it, else in the background.
unsafe extern "C" fn gc(_mod_data: *mut *mut c_void, _lifetime: zend_long, collected: *mut zend_long) -> zend_long {
    let explicit = catch_unwind(frames::collects_explicitly).unwrap_or(false);
    let done = attempt(|| {
        let sessions = request::with(Thread::sessions)?;
        if explicit {
            return sessions.host().collect();
        }
        sessions.host().want_gc();
        Ok(0)
    });
    let count = done.map_or(-1, |count| count as zend_long);
    // SAFETY: PHP passes a valid place.
    unsafe { *collected = count };
    report::show();
    count
}

/// Makes an id as PHP does, by `session.sid_length` and `session.sid_bits_per_character`.
unsafe extern "C" fn create_sid(mod_data: *mut *mut c_void) -> *mut zend_string {
    if let Ok(Some((id, length))) = catch_unwind(|| request::with(Thread::next_id)) {
        // SAFETY: as many bytes are there.
        return unsafe { ext_php_rs_zend_string_init(id.as_ptr().cast(), length, false) };
    }
    // SAFETY: PHP's own function, with the argument it passed.
    let id = unsafe { php_session_create_id(mod_data) };
    if !id.is_null() {
        let _ = catch_unwind(|| {
            // SAFETY: PHP returned a valid string.
            request::with(|thread| thread.made(unsafe { bytes(id) }));
        });
    }
    id
}

/// Tells strict mode whether a session exists.
unsafe extern "C" fn validate_sid(_mod_data: *mut *mut c_void, key: *mut zend_string) -> zend_result {
    let exists = attempt(|| {
        // SAFETY: PHP passes a valid string.
        let id = unsafe { bytes(key) };
        let read_only = frames::reads_and_closes();
        Ok(request::with(|thread| thread.validate(id, read_only)))
    });
    result(exists == Some(true))
}

/// Rolls rustdb's own dice where PHP's are switched off, as Debian ships them.
pub fn collect_by_chance(sessions: &Sessions) {
    if sessions.draws_gc() {
        const NAME: &CStr = c"session.gc_probability";
        // SAFETY: the name is a C string of this length.
        if unsafe { zend_ini_long(NAME.as_ptr(), NAME.count_bytes() as _, 0) } <= 0 {
            sessions.host().want_gc();
        }
    }
}
