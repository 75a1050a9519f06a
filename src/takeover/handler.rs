//! A look into a handler that an application registers, without running any of its code: whose it is, what it wraps,
//! and with which lifetime it was built.

use std::mem::offset_of;

use ext_php_rs::ffi::{zend_hash_str_find_ptr_lc, zend_property_info};
use ext_php_rs::types::{ZendObject, Zval};
use ext_php_rs::zend::ClassEntry;

use super::names::name_of;
use crate::handler_class;
use crate::session_api::php_session_iface_entry;

/// How many handlers within handlers are followed; Symfony has a proxy around a strict handler around its own.
const DEPTH: usize = 4;

/// `IS_INDIRECT` of Zend/zend_types.h: the value of a declared property is in its slot.
const INDIRECT: u8 = 12;
/// `ZEND_ACC_STATIC` of Zend/zend_compile.h.
const STATIC: u32 = 1 << 4;

/// Handlers that know their lifetime: the class, the property, and its unit in seconds.
const BUILT_WITH: [(&str, &str, f64); 9] = [
    ("Illuminate\\Session\\FileSessionHandler", "minutes", 60.0),
    ("Illuminate\\Session\\DatabaseSessionHandler", "minutes", 60.0),
    ("Illuminate\\Session\\CookieSessionHandler", "minutes", 60.0),
    ("Illuminate\\Session\\CacheBasedSessionHandler", "minutes", 60.0),
    ("Illuminate\\Session\\ArraySessionHandler", "minutes", 60.0),
    ("Symfony\\Component\\HttpFoundation\\Session\\Storage\\Handler\\PdoSessionHandler", "ttl", 1.0),
    ("Symfony\\Component\\HttpFoundation\\Session\\Storage\\Handler\\RedisSessionHandler", "ttl", 1.0),
    ("Symfony\\Component\\HttpFoundation\\Session\\Storage\\Handler\\MemcachedSessionHandler", "ttl", 1.0),
    ("Symfony\\Component\\HttpFoundation\\Session\\Storage\\Handler\\MongoDbSessionHandler", "ttl", 1.0),
];

/// Calls `look` with the object, and with those that its properties hold, until it answers. Those that are handlers
/// themselves are followed further.
pub fn find<'a, T>(object: &'a ZendObject, look: &dyn Fn(&'a ZendObject) -> Option<T>) -> Option<T> {
    follow(object, DEPTH, look)
}

fn follow<'a, T>(object: &'a ZendObject, depth: usize, look: &dyn Fn(&'a ZendObject) -> Option<T>) -> Option<T> {
    look(object).or_else(|| {
        let depth = depth.checked_sub(1)?;
        values(object).filter_map(object_in).find_map(|held| match is_handler(class_of(held)) {
            true => follow(held, depth, look),
            false => look(held),
        })
    })
}

/// Whether it is, extends or wraps a `Rustdb\SessionHandler`: that is ours already, with settings of its own.
pub fn is_ours(object: &ZendObject) -> bool {
    let ours = |object: &ZendObject| {
        ancestry(class_of(object)).any(|class| name_of(class) == handler_class::NAME.as_bytes()).then_some(())
    };
    find(object, &ours).is_some()
}

/// The lifetime in seconds that a handler, or one that it wraps, was built with.
pub fn lifetime(object: &ZendObject) -> Option<i64> {
    find(object, &|object| {
        ancestry(class_of(object)).find_map(|class| {
            let known = |(name, ..): &&(&str, _, _)| name_of(class).eq_ignore_ascii_case(name.as_bytes());
            let (_, property, unit) = BUILT_WITH.iter().find(known)?;
            let value = slot(object, class, property)?;
            let number = value.double().or_else(|| Some(value.long()? as f64));
            let number = number.or_else(|| value.str()?.trim().parse().ok())?;
            // A cast saturates; what is no lifetime leaves PHP's.
            (number > 0.0).then_some((number * unit) as i64)
        })
    })
}

/// The class of an object.
pub fn class_of(object: &ZendObject) -> &ClassEntry {
    // SAFETY: every object has a class, which outlives it.
    unsafe { &*object.ce }
}

fn ancestry(class: &ClassEntry) -> impl Iterator<Item = &ClassEntry> {
    std::iter::successors(Some(class), |class| class.parent())
}

fn is_handler(class: &ClassEntry) -> bool {
    // SAFETY: PHP's session module registered it when it started.
    class.instance_of(unsafe { &*php_session_iface_entry })
}

/// What the object's properties hold: the declared ones, in their slots, and those that were added.
fn values(object: &ZendObject) -> impl Iterator<Item = &Zval> {
    // SAFETY: the table of added ones is null where there are none.
    let added = unsafe { object.properties.as_ref() };
    slots(object).iter().chain(added.into_iter().flat_map(|table| table.values()))
}

fn slots(object: &ZendObject) -> &[Zval] {
    let declared = usize::try_from(class_of(object).default_properties_count).unwrap_or(0);
    // SAFETY: an object has as many slots as its class has properties, the first of them in the struct.
    unsafe { std::slice::from_raw_parts((&raw const object.properties_table).cast(), declared) }
}

fn object_in(value: &Zval) -> Option<&ZendObject> {
    // SAFETY: every kind of value has its type there.
    if unsafe { value.u1.v.type_ } == INDIRECT {
        // It was seen in its slot.
        return None;
    }
    value.dereference().object()
}

/// The value of a property as `class`, which the object's class is or extends, declares it, private or not.
fn slot<'a>(object: &'a ZendObject, class: &ClassEntry, property: &str) -> Option<&'a Zval> {
    // SAFETY: PHP's table of the class's properties.
    let info = unsafe {
        let table = &raw const class.properties_info;
        zend_hash_str_find_ptr_lc(table, property.as_ptr().cast(), property.len()).cast::<zend_property_info>().as_ref()
    };
    let info = info.filter(|info| info.flags & STATIC == 0)?;
    // One without a slot (a hook computes it, since PHP 8.4) has an offset that no slot has.
    let offset = (info.offset as usize).checked_sub(offset_of!(ZendObject, properties_table))?;
    Some(slots(object).get(offset / size_of::<Zval>())?.dereference())
}
