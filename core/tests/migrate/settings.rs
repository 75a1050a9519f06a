//! What `rustdb.migrate_from` may say.

use crate::here::settings;
use rustdb_core::config::redacted;

fn refusal(value: &str) -> String {
    match settings(&[("migrate_from", value)]) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{value} is taken"),
    }
}

#[test]
fn places_that_are_known_are_taken() {
    assert!(settings(&[]).unwrap().migrate_from.is_none());
    for value in [
        "files:///var/lib/php/sessions?lifetime=1440",
        "files:///srv/app%20one/sessions?lifetime=7200&prefix=&depth=2&remove=1",
        "redis://:p%40ss@10.0.0.5:6379/1",
        "redis+unix:///run/redis.sock?prefix=sf_s&remove=0",
        "redis+sentinel://h1,h2/main",
        "redis+cluster://h1,h2?remove=1",
        "redis://h/2?layout=cm&prefix=sess_&remove=1",
        "mysql://u:p@h/db?table=sessions&layout=laravel&lifetime=7200&remove=1",
        "memcached://h:11212?prefix=x.",
        "memcached:///run/memcached.sock",
    ] {
        if let Err(error) = settings(&[("migrate_from", value)]) {
            panic!("{value}: {error}");
        }
    }
}

#[test]
fn a_wrong_url_is_refused_by_the_name_of_the_entry_and_without_the_password() {
    for (value, part) in [
        ("/var/lib/php/sessions", "files:///"),
        ("joe:secret@h", "mysql://"),
        ("mysqli://joe:secret@h/db", "mysql://"),
        ("redys://:secret%40h/0", "redis://"),
        ("embedded:///srv/sessions", "files:///"),
        ("redis://h mysql://joe:secret@h/db", "rustdb.migrate_from"),
        ("files:///var/lib/php/sessions", "lifetime=1440"),
        ("files:///d?lifetime=0", "from 1 to"),
        ("files:///d?lifetime=soon", "soon"),
        ("files:///d?lifetime=1440&depth=-1", "depth=-1"),
        ("files:///d?lifetime=1440&depth=33", "depth=33"),
        ("files:///d?lifetime=1440&prefix=..%2Fx", "prefix"),
        ("files:///d?lifetime=1440&remove=yes", "remove=yes"),
        ("files:///d?lifetime=1440&colour=red", "\"colour\""),
        ("files:///d?lifetime=1440&lifetime=1", "twice"),
        ("files:///d%00e?lifetime=1440", "zero byte"),
        ("files:///d#e?lifetime=1440", "#"),
        ("files://var/lib/php?lifetime=1440", "absolute path"),
        ("files:///?lifetime=1440", "absolute path"),
        ("files://joe:secret@h/d?lifetime=1440", "user"),
        ("memcached://joe:secret@h", "user"),
        ("memcached://h1,h2", "several"),
        ("memcached://", "no server"),
        ("memcached://h/7", "path"),
        ("memcached://h?prefix=a%0D%0Aflush_all", "prefix"),
        ("memcached://h?lifetime=10", "\"lifetime\""),
        ("redis://:secret@h?colour=red", "\"colour\""),
        ("redis://:secret@h?lifetime=10", "\"lifetime\""),
        ("redis://:secret@h1,h2", "several hosts"),
        ("redis://:secret@h?remove=2", "remove=2"),
        ("redis://:secret@h/first?layout=cm", "database"),
        ("rediss://:secret@h?layout=cm", "layout=cm"),
        ("mysql://joe:secret@h/db?layout=cm", "layout=cm"),
        ("mysql://joe:secret@h", "no database"),
        ("mysql://joe:secret@h/db?widen=1", "\"widen\""),
        ("mysql://joe:secret@h/db?lock=lease", "\"lock\""),
        ("mysql://joe:secret@h/db?lifetime=0", "lifetime=0"),
        ("mysql://joe@h/db?password_file=/nowhere/at/all", "/nowhere/at/all"),
    ] {
        let message = refusal(value);
        assert!(message.contains("rustdb.migrate_from") && message.contains(part), "{value}: {message}");
        assert!(!message.contains("secret") && !message.contains("rustdb.store"), "{value}: {message}");
    }
}

#[test]
fn a_password_is_not_shown_where_the_value_is() {
    for value in ["mysql://joe:secret@h/db", "redis://:secret%40h/0", "joe:secret@h", "redis://:se%40secret@h"] {
        assert!(!redacted(value).contains("secret"), "{}", redacted(value));
    }
    assert_eq!(redacted("files:///var/lib/php/sessions?lifetime=1440"), "files:///var/lib/php/sessions?lifetime=1440");
}
