//! The settings of a store of its own, as an array: the names are those of php.ini without `rustdb.`.

use ext_php_rs::types::{ArrayKey, ZendHashTable, Zval};
use rustdb_core::config::{ENTRIES, Raw, Settings};

use crate::ini;

/// Reads and checks the array. What it does not name is as in php.ini; or, if it names a store, has its default: what
/// php.ini says is said of another store then.
///
/// # Errors
/// A message that names the entry, the value and what is allowed.
pub fn read(array: &ZendHashTable) -> Result<Raw, String> {
    let mut values = match array.get("store") {
        Some(_) => ENTRIES.iter().map(|(_, default)| (*default).to_owned()).collect(),
        None => ini::values(),
    };
    for (key, value) in array {
        let name = match key {
            ArrayKey::Long(number) => return Err(unknown(&number.to_string())),
            key => key.to_string(),
        };
        let place = ENTRIES.iter().position(|(entry, _)| *entry == name).ok_or_else(|| unknown(&name))?;
        values[place] = text(value).ok_or_else(|| {
            format!("rustdb.{name} = {} is not allowed; it takes a string, a number or a boolean", kind(value))
        })?;
    }
    let save_path = String::from_utf8_lossy(&ini::save_path()).into_owned();
    let raw = Raw { values, save_path };
    Settings::parse(&raw).map_err(|error| error.to_string())?;
    Ok(raw)
}

fn unknown(name: &str) -> String {
    let names: Vec<_> = ENTRIES.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!("there is no setting \"{name}\"; there are {}", names.join(", "))
}

/// A value as php.ini would have it.
fn text(value: &Zval) -> Option<String> {
    let value = value.dereference();
    match value.bool() {
        Some(true) => return Some("on".to_owned()),
        Some(false) => return Some("off".to_owned()),
        None => {}
    }
    if let Some(number) = value.long() {
        return Some(number.to_string());
    }
    if value.is_double() {
        return value.double().map(|number| number.to_string());
    }
    let bytes = value.zend_str()?.as_bytes();
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn kind(value: &Zval) -> &'static str {
    match value.dereference() {
        value if value.is_array() => "an array",
        value if value.is_object() => "an object",
        value if value.is_null() => "null",
        value if value.is_string() => "a string that is no UTF-8",
        _ => "a value",
    }
}
