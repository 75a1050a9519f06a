--TEST--
A wrong value of rustdb.takeover is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['two words', 'App\\', '9lives', 'a,b-c', 'a;b'] as $value) {
    $output = php('var_dump(session_set_save_handler(new SessionHandler()), session_module_name());
        ini_set("session.save_handler", "rustdb"); var_dump(session_start());', ['rustdb.takeover' => "'$value'", 'error_log' => '/dev/null']);
    preg_match_all('/Warning: (PHP Startup|session_start\(\)): rustdb: (.*?) in /', $output, $warnings);
    echo implode(', ', $warnings[1]), ': ', implode(' ', array_unique($warnings[2])), "\n";
    preg_match_all('/^bool.*|^string.*/m', $output, $results);
    echo implode(' ', $results[0]), "\n";
}
foreach (['', '*', 'files', ' A\B ,, c_1 , \D', 'A\\\\B', "\u{c9}tat"] as $value) {
    echo php('var_dump(session_start());', ['rustdb.takeover' => "'$value'"]);
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
PHP Startup, session_start(): rustdb.takeover = "two words" is not allowed; it takes names of classes with commas between, "files" for applications that choose PHP's own files, or "*" for every handler
bool(true) string(4) "user" bool(false)
PHP Startup, session_start(): rustdb.takeover = "App\" is not allowed; it takes names of classes with commas between, "files" for applications that choose PHP's own files, or "*" for every handler
bool(true) string(4) "user" bool(false)
PHP Startup, session_start(): rustdb.takeover = "9lives" is not allowed; it takes names of classes with commas between, "files" for applications that choose PHP's own files, or "*" for every handler
bool(true) string(4) "user" bool(false)
PHP Startup, session_start(): rustdb.takeover = "b-c" is not allowed; it takes names of classes with commas between, "files" for applications that choose PHP's own files, or "*" for every handler
bool(true) string(4) "user" bool(false)
PHP Startup, session_start(): rustdb.takeover = "a;b" is not allowed; it takes names of classes with commas between, "files" for applications that choose PHP's own files, or "*" for every handler
bool(true) string(4) "user" bool(false)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
