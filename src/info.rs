//! What an operator sees: the page in phpinfo and the function `rustdb_status()`.

use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ext_php_rs::boxed::ZBox;
use ext_php_rs::ffi::{php_info_print_table_end, php_info_print_table_row, php_info_print_table_start};
use ext_php_rs::prelude::*;
use ext_php_rs::types::ZendHashTable;
use ext_php_rs::zend::ModuleEntry;
use rustdb_core::error::Result;
use rustdb_core::host;
use rustdb_core::sessions::{Report, Source, Written};
use rustdb_core::shared::{Counter, Shared};

use crate::session_api::display_ini_entries;
use crate::{request, takeover};

/// A store, its counters, and how the session of this request fares.
type Status = (host::Report, std::sync::Arc<Shared>, Option<Report>);

fn status() -> Result<Status> {
    request::with(|thread| {
        let sessions = thread.sessions()?;
        Ok((sessions.host().report()?, std::sync::Arc::clone(sessions.host().shared()), thread.last()))
    })
}

/// Adds the functions of this file to the module.
pub fn add_functions(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module.function(wrap_function!(rustdb_status))
}

/// Prints the page. The table is written row by row, each from a C string that is dropped before the next.
pub fn page(module: *mut ModuleEntry) {
    let rows = catch_unwind(rows).unwrap_or_default();
    // SAFETY: PHP's own functions, called while it prints the page; every string ends with NUL and outlives its call.
    unsafe {
        php_info_print_table_start();
        for (name, value) in &rows {
            if let (Ok(name), Ok(value)) = (CString::new(name.as_str()), CString::new(value.as_str())) {
                php_info_print_table_row(2, name.as_ptr(), value.as_ptr());
            }
        }
        php_info_print_table_end();
        display_ini_entries(module);
    }
}

fn rows() -> Vec<(String, String)> {
    let mut rows = vec![("rustdb".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    let taken = takeover::taken();
    row("Taken over by this process", if taken.is_empty() { "nothing".into() } else { taken.join(", ") });
    let (report, shared, _) = match status() {
        Ok(status) => status,
        Err(error) => {
            row("Store", format!("not usable: {error}"));
            return rows;
        }
    };
    let count = |counter| shared.get(counter);
    row("Store", report.store.clone());
    if let Some(bytes) = report.store_bytes {
        row("Store file", format!("{bytes} bytes in use"));
    }
    match &report.buffer {
        None => row("Buffer", "none".into()),
        Some(buffer) => {
            row("Buffer", buffer.path.clone());
            if let Some(why) = &buffer.why_on_disk {
                row("Buffer is not in shared memory", why.clone());
            }
            row("Buffer size", format!("{} of {} bytes in use", buffer.used, buffer.size));
            row("Buffer entries", format!("{}, {} not in the store yet", buffer.entries, buffer.unflushed));
        }
    }
    row("Buffer hits", count(Counter::BufferHits).to_string());
    row("Buffer misses", count(Counter::BufferMisses).to_string());
    row("Buffer evictions", count(Counter::BufferEvictions).to_string());
    row("Damaged values dropped", count(Counter::DamagedValues).to_string());
    row("Lock waits", format!("{}, {} µs in all", count(Counter::LockWaits), count(Counter::LockWaitMicroseconds)));
    row("Lock timeouts", count(Counter::LockTimeouts).to_string());
    row("Locks lost", count(Counter::LeasesLost).to_string());
    row("Sessions brought over", count(Counter::SessionsMigrated).to_string());
    row("Flushes", format!("{}, {} sessions", count(Counter::FlushRuns), count(Counter::FlushedSessions)));
    row("Flush errors", count(Counter::FlushErrors).to_string());
    row("Garbage collections", format!("{}, {} sessions", count(Counter::GcRuns), count(Counter::GcCollected)));
    rows
}

/// What rustdb knows of itself: the store, the buffer, locks, flushes, garbage collection (counted over all processes
/// that use the store), and under `request` the session of this request.
///
/// Returns the array that docs/operations.md describes; throws an `Exception` when the store cannot be used.
#[php_function]
pub fn rustdb_status() -> PhpResult<ZBox<ZendHashTable>> {
    let (report, shared, last) = catch_unwind(AssertUnwindSafe(status))
        .map_err(|_| PhpException::from_message("rustdb: an internal error".to_owned()))?
        .map_err(|error| PhpException::from_message(format!("rustdb: {error}")))?;
    let count = |counter| shared.get(counter) as i64;
    let table = |first: Option<(&str, String)>, fields: &[(&str, i64)]| -> PhpResult<ZBox<ZendHashTable>> {
        let mut table = ZendHashTable::new();
        if let Some((name, value)) = first {
            table.insert(name, value)?;
        }
        for (name, value) in fields {
            table.insert(*name, *value)?;
        }
        Ok(table)
    };
    let mut status = ZendHashTable::new();
    status.insert("version", env!("CARGO_PKG_VERSION"))?;
    status.insert("store", report.store.clone())?;
    status.insert("store_path", report.directory.display().to_string())?;
    status.insert("store_bytes", report.store_bytes.map(|bytes| bytes as i64))?;
    let used = report.buffer.unwrap_or_default();
    status.insert("migrated", count(Counter::SessionsMigrated))?;
    let buffer = table(
        Some(("path", used.path)),
        &[
            ("size", used.size as i64),
            ("used", used.used as i64),
            ("entries", used.entries as i64),
            ("unflushed", used.unflushed as i64),
            ("hits", count(Counter::BufferHits)),
            ("misses", count(Counter::BufferMisses)),
            ("evictions", count(Counter::BufferEvictions)),
            ("damaged", count(Counter::DamagedValues)),
        ],
    )?;
    status.insert("buffer", buffer)?;
    status.insert(
        "lock",
        table(
            None,
            &[
                ("waits", count(Counter::LockWaits)),
                ("wait_us", count(Counter::LockWaitMicroseconds)),
                ("timeouts", count(Counter::LockTimeouts)),
                ("lost", count(Counter::LeasesLost)),
            ],
        )?,
    )?;
    status.insert(
        "flush",
        table(
            None,
            &[
                ("runs", count(Counter::FlushRuns)),
                ("sessions", count(Counter::FlushedSessions)),
                ("errors", count(Counter::FlushErrors)),
            ],
        )?,
    )?;
    status
        .insert("gc", table(None, &[("runs", count(Counter::GcRuns)), ("collected", count(Counter::GcCollected))])?)?;
    match last {
        None => status.insert("request", ext_php_rs::types::Zval::null())?,
        Some(last) => {
            let source = match last.source {
                Source::Buffer => "buffer",
                Source::Store => "store",
                Source::New => "new",
            };
            let written = match last.written {
                Written::None => "none",
                Written::Touch => "touch",
                Written::Write => "write",
                Written::Destroy => "destroy",
            };
            let mut request = table(
                Some(("source", source.to_owned())),
                &[("lock_wait_us", last.lock_wait.as_micros() as i64), ("read_us", last.read.as_micros() as i64)],
            )?;
            request.insert("write", written)?;
            request.insert("write_us", last.write.as_micros() as i64)?;
            status.insert("request", request)?;
        }
    }
    Ok(status)
}
