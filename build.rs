//! Binds `ext/session/php_session.h` of the PHP that `php-config` belongs to, and sets how the library is linked.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=PHP_CONFIG");
    println!("cargo:rerun-if-changed=build.rs");
    let php_config = env::var("PHP_CONFIG").unwrap_or_else(|_| "php-config".into());
    let asked = Command::new(&php_config)
        .arg("--includes")
        .output()
        .unwrap_or_else(|cause| panic!("cannot run {php_config}: {cause}; install Debian's php-dev or set PHP_CONFIG"));
    assert!(asked.status.success(), "{php_config} --includes failed");
    let includes = String::from_utf8(asked.stdout).expect("php-config answers in UTF-8");

    let bindings = bindgen::Builder::default()
        .header_contents(
            "rustdb.h",
            "#include \"php.h\"\n#include \"php_ini.h\"\n#include \"ext/session/php_session.h\"\n\
             #include \"ext/standard/basic_functions.h\"\n",
        )
        .clang_args(includes.split_whitespace())
        .allowlist_type("ps_module")
        .allowlist_function("php_session_register_module")
        .allowlist_function("php_session_create_id")
        .allowlist_function("php_log_err_with_severity")
        .allowlist_function("zend_ini_long")
        .allowlist_function("zend_ini_string")
        .allowlist_function("display_ini_entries")
        .allowlist_function("zend_parse_parameters")
        .allowlist_function("zend_argument_value_error")
        .allowlist_function("zend_alter_ini_entry_chars")
        .allowlist_function("zend_fcall_info_init")
        .allowlist_function("zend_release_fcall_info_cache")
        .allowlist_function("(register|remove)_user_shutdown_function")
        .allowlist_var("php_session(_id|_update_timestamp)?_iface_entry")
        .allowlist_var("IS_CALLABLE_SUPPRESS_DEPRECATIONS|_ZEND_IS_TENTATIVE_BIT")
        // One type for PHP's strings, values and classes in the whole skin.
        .blocklist_type("_?(zend_string|zend_module_entry|zend_class_entry|zend_fcall_info|zend_fcall_info_cache)")
        .blocklist_type("_?zval(_struct)?")
        .raw_line("use ext_php_rs::ffi::{zend_class_entry, zend_fcall_info, zend_fcall_info_cache, zend_module_entry, zend_string};")
        .raw_line("use ext_php_rs::types::Zval as zval;")
        .raw_line("type _zend_module_entry = zend_module_entry;")
        .default_enum_style(bindgen::EnumVariation::ModuleConsts)
        .layout_tests(false)
        .generate_comments(false)
        .generate()
        .expect("php_session.h cannot be bound; install Debian's php-dev and libclang-dev");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    bindings.write_to_file(out.join("php_session.rs")).expect("cannot write the bindings");

    // The background thread may still run when PHP unloads its extensions: the code has to stay mapped.
    println!("cargo:rustc-link-arg-cdylib=-Wl,-z,nodelete");

    let order =
        PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR")).join("src/order.ld");
    println!("cargo:rerun-if-changed={}", order.display());
    if links_with_lld() {
        println!("cargo:rustc-link-arg-cdylib=-T{}", order.display());
    }
}

/// Whether LLVM's linker is used, as rustc does by itself from 1.90 on where most people are, if it came with it
/// (https://blog.rust-lang.org/2025/09/01/rust-lld-on-1.90.0-stable/). GNU's would make a second section of the functions in
/// `order.ld`, which debuggers do not see, and others do not know how to order them; what is lost without is a
/// microsecond a request where processes take turns on a processor.
fn links_with_lld() -> bool {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let by_default = env::var_os("RUSTC_LINKER").is_none() && !flags.contains("fuse-ld") && !flags.contains("linker");
    let ask = |what: &[&str]| {
        let said = Command::new(env::var_os("RUSTC").expect("cargo sets RUSTC")).args(what).output().ok()?;
        String::from_utf8(said.stdout).ok()
    };
    // rustc 1.95.0 (59807616e 2026-04-14)
    let minor = ask(&["--version"]).and_then(|said| said.split('.').nth(1)?.parse::<u32>().ok());
    let linker = |root: String| PathBuf::from(root.trim()).join("lib/rustlib").join(TARGET).join("bin/gcc-ld/ld.lld");
    by_default
        && env::var("TARGET").is_ok_and(|target| target == TARGET)
        && minor >= Some(90)
        && ask(&["--print", "sysroot"]).map(linker).is_some_and(|linker| linker.exists())
}
