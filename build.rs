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
}
