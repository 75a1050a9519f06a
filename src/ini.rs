//! The settings as php.ini has them. PHP tells every change of a value; it is kept here as text, and made into types
//! when a session is opened with it for the first time.
//!
//! A value may differ between virtual hosts in one process (`php_admin_value`, `PHP_ADMIN_VALUE`), so PHP may change
//! it with every request.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_int, c_void};

use ext_php_rs::ffi::{zend_ini_entry, zend_string};
use ext_php_rs::flags::IniEntryPermission;
use ext_php_rs::zend::{IniEntryDef, IniEntryDefs};
use rustdb_core::config::{ENTRIES, Raw, Settings, redacted};
use rustdb_core::contents::Format;

use crate::session_api::{zend_ini_long, zend_ini_string};
use crate::{report, takeover};

/// php.ini and per-directory values, but no script.
const WHO: IniEntryPermission =
    IniEntryPermission::from_bits_retain(IniEntryPermission::PerDir.bits() | IniEntryPermission::System.bits());

const fn entry(name: &'static CStr, default: &'static CStr, place: usize) -> IniEntryDef {
    let mut entry = IniEntryDef::new(name, default, WHO);
    entry.on_modify = Some(changed);
    entry.mh_arg1 = place as *mut c_void;
    entry
}

/// In the order of [`ENTRIES`], then those that are PHP's matter alone.
static DEFINITIONS: IniEntryDefs<19> = IniEntryDefs::new([
    {
        let mut store = entry(c"rustdb.store", c"", 0);
        store.displayer = Some(display_store);
        store
    },
    entry(c"rustdb.multi_host", c"auto", 1),
    entry(c"rustdb.lock", c"exclusive", 2),
    entry(c"rustdb.lock_wait", c"30", 3),
    entry(c"rustdb.buffer_size", c"64M", 4),
    entry(c"rustdb.write", c"auto", 5),
    entry(c"rustdb.flush_interval", c"1", 6),
    entry(c"rustdb.touch_interval", c"60", 7),
    entry(c"rustdb.lifetime", c"0", 8),
    entry(c"rustdb.gc_probability", c"1", 9),
    entry(c"rustdb.gc_divisor", c"1000", 10),
    {
        let mut migrate_from = entry(c"rustdb.migrate_from", c"", 11);
        migrate_from.displayer = Some(display_migrate_from);
        migrate_from
    },
    entry(c"rustdb.volatile_keys", c"Session._user.ts,Session.SessionHandlerDB.ts,_sf2_meta.u", 12),
    entry(c"rustdb.regenerate_grace", c"0", 13),
    entry(
        c"rustdb.user_key",
        c"account.current_user_id,Session._user.id,login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d",
        14,
    ),
    entry(c"rustdb.track", c"user,ip,agent", 15),
    entry(c"rustdb.busy_poll", c"200", 16),
    {
        let mut takeover = IniEntryDef::new(c"rustdb.takeover", c"", IniEntryPermission::System);
        takeover.on_modify = Some(takeover_changed);
        takeover
    },
    IniEntryDef::end(),
]);

thread_local! {
    static VALUES: RefCell<Vec<String>> =
        RefCell::new(ENTRIES.iter().map(|(_, value)| (*value).to_owned()).collect());
    /// Raised by every change.
    static EDITION: Cell<u64> = const { Cell::new(0) };
}

/// Registers the settings with PHP.
pub fn register(module_number: i32) {
    IniEntryDef::register(DEFINITIONS.as_slice(), module_number);
}

/// A number that changes whenever a value does.
pub fn edition() -> u64 {
    EDITION.get()
}

/// The values of now.
pub fn values() -> Vec<String> {
    VALUES.with_borrow(Clone::clone)
}

/// `session.save_path`, as a session that starts now would get it.
pub fn save_path() -> Vec<u8> {
    value_of(c"session.save_path").to_bytes().to_vec()
}

/// `session.save_handler` of now.
pub fn save_handler() -> Vec<u8> {
    value_of(c"session.save_handler").to_bytes().to_vec()
}

/// `session.gc_maxlifetime` of now.
pub fn gc_maxlifetime() -> i64 {
    const NAME: &CStr = c"session.gc_maxlifetime";
    // SAFETY: the name is a C string of this length.
    unsafe { zend_ini_long(NAME.as_ptr(), NAME.count_bytes() as _, 0) }
}

/// How PHP lays out the sessions of now; `None`: in a way that rustdb does not read.
pub fn format() -> Option<Format> {
    Format::from_name(value_of(c"session.serialize_handler").to_str().ok()?)
}

/// The value of an entry, until the next call of PHP's.
fn value_of<'a>(name: &CStr) -> &'a CStr {
    // SAFETY: the name is a C string of this length; PHP returns one of its own, or null for an unknown entry.
    unsafe {
        let value = zend_ini_string(name.as_ptr(), name.count_bytes() as _, 0);
        if value.is_null() { c"" } else { CStr::from_ptr(value) }
    }
}

/// Says at startup what is wrong with the settings; sessions refuse to start with them.
pub fn warn_if_wrong() {
    let raw = Raw { values: values(), save_path: String::new() };
    for error in [Settings::parse(&raw).err(), takeover::check().err()].into_iter().flatten() {
        report::startup_warning(&error);
    }
}

unsafe extern "C" fn changed(
    _entry: *mut zend_ini_entry,
    value: *mut zend_string,
    place: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _stage: c_int,
) -> c_int {
    let _ = std::panic::catch_unwind(|| {
        // SAFETY: PHP passes a valid string, or null for none.
        let text = unsafe { text_of(value) };
        VALUES.with_borrow_mut(|values| values[place as usize] = text);
        EDITION.set(EDITION.get() + 1);
    });
    // A wrong value is taken and refused when a session starts: refusing it here, PHP would quietly go on with the default.
    0
}

/// The same for `rustdb.takeover`, which no store depends on.
unsafe extern "C" fn takeover_changed(
    _entry: *mut zend_ini_entry,
    value: *mut zend_string,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _stage: c_int,
) -> c_int {
    // SAFETY: PHP passes a valid string, or null for none.
    let _ = std::panic::catch_unwind(|| takeover::set(&unsafe { text_of(value) }));
    0
}

/// # Safety
/// `value` is a valid string of PHP, or null.
unsafe fn text_of(value: *const zend_string) -> String {
    // SAFETY: the caller's promise.
    let text = unsafe { value.as_ref() }.map(|value| {
        // SAFETY: `len` bytes follow from `val` on.
        let bytes = unsafe { std::slice::from_raw_parts(value.val.as_ptr().cast::<u8>(), value.len) };
        String::from_utf8_lossy(bytes).into_owned()
    });
    text.unwrap_or_default()
}

unsafe extern "C" fn display_store(_entry: *mut zend_ini_entry, _kind: c_int) {
    display_url(0);
}

unsafe extern "C" fn display_migrate_from(_entry: *mut zend_ini_entry, _kind: c_int) {
    display_url(11);
}

/// Shows a URL in phpinfo, without a password.
fn display_url(place: usize) {
    let _ = std::panic::catch_unwind(|| {
        let url = VALUES.with_borrow(|values| redacted(&values[place]));
        let _ = ext_php_rs::zend::printf(if url.is_empty() { "no value" } else { &url });
    });
}
