//! `Rustdb\SessionHandler`: the handler as an object, for applications that bring or want one.
//!
//! Its methods are a few lines each, like the callbacks of [`crate::save_handler`]: they take their arguments by PHP's
//! own parser, ask [`request`], and answer; a failure is raised as a warning last. What an object keeps belongs to the
//! thread and goes with the request at the latest, so an object of PHP's holds no Rust value. The arguments and results
//! are declared as PHP declares those of its interfaces: a subclass may leave out the types of its results.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use ext_php_rs::args::{Arg, ArgInfoTables};
use ext_php_rs::builders::{ClassBuilder, FunctionBuilder};
use ext_php_rs::error::Result as PhpRuntimeResult;
use ext_php_rs::ffi::{
    object_properties_init, std_object_handlers, zend_hash_str_find_ptr_lc, zend_internal_function,
    zend_object_handlers, zend_object_std_dtor, zend_objects_new, zend_string,
};
use ext_php_rs::flags::{ClassFlags, DataType, MethodFlags};
use ext_php_rs::types::{ZendHashTable, ZendObject, Zval};
use ext_php_rs::zend::{ClassEntry, ExecuteData};
use rustdb_core::sessions::Intent;

use crate::request::{self, ObjectId};
use crate::save_handler::{attempt, bytes, collect_by_chance};
use crate::session_api::{
    _ZEND_IS_TENTATIVE_BIT, SUCCESS, php_session_create_id, php_session_id_iface_entry, php_session_iface_entry,
    php_session_update_timestamp_iface_entry, zend_long, zend_parse_parameters,
};
use crate::{array_settings, frames, ini, payload, report};

/// The class's name.
pub const NAME: &str = "Rustdb\\SessionHandler";

/// `MAY_BE_FALSE` of Zend/zend_type_info.h.
const MAY_BE_FALSE: u32 = 1 << 2;

struct Handlers(zend_object_handlers);

// SAFETY: the table is never changed once it is made, and holds functions only.
unsafe impl Sync for Handlers {}
// SAFETY: as above.
unsafe impl Send for Handlers {}

static HANDLERS: OnceLock<Handlers> = OnceLock::new();

/// Registers the class with PHP.
pub fn register() -> PhpRuntimeResult<()> {
    HANDLERS.get_or_init(|| {
        // SAFETY: PHP's own table, which is never changed.
        let mut handlers = unsafe { std_object_handlers };
        handlers.free_obj = Some(free);
        handlers.clone_obj = None;
        Handlers(handlers)
    });
    let method = |name: &str, handler, arguments: &[(&str, DataType)], returns| {
        let builder = FunctionBuilder::new(name, handler);
        let with = |builder: FunctionBuilder<'static>, (name, of): &(&str, DataType)| builder.arg(Arg::new(*name, *of));
        arguments.iter().fold(builder, with).returns(returns, false, false)
    };
    let id = ("id", DataType::String);
    let data = ("data", DataType::String);
    let settings = Arg::new("settings", DataType::Array).default("[]");
    ClassBuilder::new(NAME)
        .flags(ClassFlags::NotSerializable)
        .implements((|| interface(&raw const php_session_iface_entry), "\\SessionHandlerInterface"))
        .implements((|| interface(&raw const php_session_id_iface_entry), "\\SessionIdInterface"))
        .implements((
            || interface(&raw const php_session_update_timestamp_iface_entry),
            "\\SessionUpdateTimestampHandlerInterface",
        ))
        .method(FunctionBuilder::constructor(construct).not_required().arg(settings), MethodFlags::Public)
        .method(
            method("open", open, &[("path", DataType::String), ("name", DataType::String)], DataType::Bool),
            MethodFlags::Public,
        )
        .method(method("close", close, &[], DataType::Bool), MethodFlags::Public)
        .method(method("read", read, &[id], DataType::String), MethodFlags::Public)
        .method(method("write", write, &[id, data], DataType::Bool), MethodFlags::Public)
        .method(method("destroy", destroy, &[id], DataType::Bool), MethodFlags::Public)
        .method(method("gc", gc, &[("max_lifetime", DataType::Long)], DataType::Long), MethodFlags::Public)
        .method(method("create_sid", create_sid, &[], DataType::String), MethodFlags::Public)
        .method(method("validateId", validate_id, &[id], DataType::Bool), MethodFlags::Public)
        .method(method("updateTimestamp", update_timestamp, &[id, data], DataType::Bool), MethodFlags::Public)
        .registration(registered)
        .register()
}

fn interface(entry: *const *mut ClassEntry) -> &'static ClassEntry {
    // SAFETY: PHP's session module, which is started before what depends on it, has registered its interfaces.
    unsafe { &**entry }
}

/// Finishes what the builder cannot say: how objects are made, and that the types of results are PHP's tentative ones.
fn registered(class: &'static mut ClassEntry, tables: ArgInfoTables) {
    class.__bindgen_anon_2.create_object = Some(create);
    // PHP may point into them for the life of the process.
    Box::leak(tables);
    let methods = ["open", "close", "read", "write", "destroy", "gc", "create_sid", "validateid", "updatetimestamp"];
    for name in methods {
        let more = if let "read" | "gc" = name { MAY_BE_FALSE } else { 0 };
        // SAFETY: the methods were registered a moment ago; what stands before their arguments is their result.
        unsafe {
            let table = &raw const class.function_table;
            let method = zend_hash_str_find_ptr_lc(table, name.as_ptr().cast(), name.len());
            let result = (*method.cast::<zend_internal_function>()).arg_info.sub(1);
            (*result).type_.type_mask |= more | _ZEND_IS_TENTATIVE_BIT;
        }
    }
}

unsafe extern "C" fn create(class: *mut ClassEntry) -> *mut ZendObject {
    // SAFETY: PHP passes a class that it can make objects of; the table of handlers is never freed.
    unsafe {
        let object = zend_objects_new(class);
        object_properties_init(object, class);
        (*object).handlers = HANDLERS.get().map_or(null(), |handlers| &raw const handlers.0);
        object
    }
}

unsafe extern "C" fn free(object: *mut ZendObject) {
    let _ = catch_unwind(|| request::with(|thread| thread.object_gone(object as ObjectId)));
    // SAFETY: PHP passes an object that nobody refers to any more.
    unsafe { zend_object_std_dtor(object) };
}

fn this(frame: &ExecuteData) -> ObjectId {
    // SAFETY: the frame of a method that is not static has its object here.
    unsafe { frame.This.value.obj as ObjectId }
}

/// The arguments of a method by PHP's own parser: all strings, or the exception that it has thrown.
fn strings<const N: usize>(frame: &ExecuteData) -> Option<[&[u8]; N]> {
    let mut place: [*mut zend_string; 2] = [null_mut(); 2];
    const { assert!(N == 1 || N == 2, "one or two strings") };
    // SAFETY: the format asks for as many strings as there are places.
    let parsed = unsafe {
        let count = frame.This.u2.num_args;
        match N {
            1 => zend_parse_parameters(count, c"S".as_ptr(), &raw mut place[0]),
            _ => zend_parse_parameters(count, c"SS".as_ptr(), &raw mut place[0], &raw mut place[1]),
        }
    };
    // SAFETY: PHP has filled the places with strings that live as long as the frame.
    (parsed == SUCCESS).then(|| std::array::from_fn(|index| unsafe { bytes(place[index]) }))
}

/// Checks that there are no arguments, as PHP does.
fn none(frame: &ExecuteData) -> bool {
    // SAFETY: an empty format takes no places.
    unsafe { zend_parse_parameters(frame.This.u2.num_args, c"".as_ptr()) == SUCCESS }
}

fn answer(result: &mut Zval, done: bool) {
    result.set_bool(done);
    report::show();
}

/// Makes a handler: of the settings of php.ini, or of others.
extern "C" fn construct(frame: &mut ExecuteData, _result: &mut Zval) {
    let mut settings: *mut ZendHashTable = null_mut();
    // SAFETY: the format asks for one array, which may be left out.
    if unsafe { zend_parse_parameters(frame.This.u2.num_args, c"|h".as_ptr(), &raw mut settings) } != SUCCESS {
        return;
    }
    // SAFETY: PHP has put an array of the frame's there, or left it as it was.
    let settings = unsafe { settings.as_ref() }.filter(|settings| !settings.is_empty());
    if !make(this(frame), settings) {
        report::throw_value_error(1);
    }
}

/// Keeps the message of a failure; nothing droppable is left when PHP is called.
fn make(object: ObjectId, settings: Option<&ZendHashTable>) -> bool {
    let made = catch_unwind(AssertUnwindSafe(|| {
        let settings = settings.map(array_settings::read).transpose()?;
        request::with(|thread| thread.object_made(object, settings));
        Ok(())
    }));
    let made = made.unwrap_or_else(|_| Err("an internal error; please report it".to_owned()));
    made.map_err(|message: String| report::keep_for_exception(&message)).is_ok()
}

/// Makes ready; the session that is read next stays locked until [`close`].
extern "C" fn open(frame: &mut ExecuteData, result: &mut Zval) {
    if strings::<2>(frame).is_none() {
        return;
    }
    let done = attempt(|| {
        let sessions = request::with(|thread| {
            thread.object_open(this(frame))?;
            thread.object_sessions(this(frame))
        })?;
        collect_by_chance(&sessions);
        Ok(())
    });
    let _ = catch_unwind(request::tell_notices);
    answer(result, done.is_some());
}

/// Lets go of what was read and not written. Always succeeds.
extern "C" fn close(frame: &mut ExecuteData, result: &mut Zval) {
    if !none(frame) {
        return;
    }
    attempt(|| {
        request::with(|thread| thread.object_close(this(frame)));
        Ok(())
    });
    let _ = catch_unwind(request::tell_notices);
    answer(result, true);
}

/// Reads a session: an empty string where there is none, false where it cannot be told.
extern "C" fn read(frame: &mut ExecuteData, result: &mut Zval) {
    let Some([id]) = strings(frame) else { return };
    let object = this(frame);
    let read = attempt(|| {
        request::with(|thread| {
            let read_only = thread.object_is_open(object) && frames::reads_and_closes();
            thread.object_read(object, id, read_only)
        })
    });
    match read {
        Some(read) => payload::keep(read),
        None => return answer(result, false),
    }
    payload::copy_to(result);
    let _ = catch_unwind(|| {
        let payload = payload::take();
        request::with(|thread| thread.object_taken(object, id, payload));
    });
    report::show();
}

/// Writes a session, and lets go of it unless the handler was opened.
extern "C" fn write(frame: &mut ExecuteData, result: &mut Zval) {
    let Some([id, data]) = strings(frame) else { return };
    commit(frame, id, Intent::Write(data), result);
}

/// Moves the expiry of a session that is as it was.
extern "C" fn update_timestamp(frame: &mut ExecuteData, result: &mut Zval) {
    let Some([id, data]) = strings(frame) else { return };
    commit(frame, id, Intent::Unchanged(data), result);
}

/// Ends a session; one that does not exist is ended already.
extern "C" fn destroy(frame: &mut ExecuteData, result: &mut Zval) {
    let Some([id]) = strings(frame) else { return };
    commit(frame, id, Intent::Destroy, result);
}

fn commit(frame: &ExecuteData, id: &[u8], intent: Intent<'_>, result: &mut Zval) {
    let lifetime = ini::gc_maxlifetime();
    let done = attempt(|| request::with(|thread| thread.object_commit(this(frame), id, intent, lifetime)));
    // Nobody may ever call `close`.
    let _ = catch_unwind(request::tell_notices);
    answer(result, done.is_some());
}

/// Collects garbage: at once, and returns how many sessions went; in the background where PHP's odds ask for it.
extern "C" fn gc(frame: &mut ExecuteData, result: &mut Zval) {
    let mut lifetime: zend_long = 0;
    // SAFETY: the format asks for one number.
    if unsafe { zend_parse_parameters(frame.This.u2.num_args, c"l".as_ptr(), &raw mut lifetime) } != SUCCESS {
        return;
    }
    let explicit = catch_unwind(frames::collects_explicitly).unwrap_or(false);
    let collected = attempt(|| {
        let sessions = request::with(|thread| thread.object_sessions(this(frame)))?;
        if explicit {
            return sessions.host().collect();
        }
        sessions.host().want_gc();
        Ok(0)
    });
    match collected {
        Some(collected) => result.set_long(i64::try_from(collected).unwrap_or(i64::MAX)),
        None => result.set_bool(false),
    }
    report::show();
}

/// Makes an id as PHP does, by `session.sid_length` and `session.sid_bits_per_character`.
extern "C" fn create_sid(frame: &mut ExecuteData, result: &mut Zval) {
    if !none(frame) {
        return;
    }
    // SAFETY: PHP's own function, which does without a session. It returns null when it has thrown.
    let id = unsafe { php_session_create_id(null_mut()) };
    if id.is_null() {
        return;
    }
    let _ = catch_unwind(|| {
        // SAFETY: PHP returned a valid string.
        request::with(|thread| thread.object_made_id(this(frame), unsafe { bytes(id) }));
    });
    payload::set(result, id);
}

/// Tells strict mode whether a session exists.
extern "C" fn validate_id(frame: &mut ExecuteData, result: &mut Zval) {
    let Some([id]) = strings(frame) else { return };
    let object = this(frame);
    let exists = attempt(|| {
        request::with(|thread| {
            let read_only = thread.object_is_open(object) && frames::reads_and_closes();
            thread.object_validate(object, id, read_only)
        })
    });
    answer(result, exists == Some(true));
}
