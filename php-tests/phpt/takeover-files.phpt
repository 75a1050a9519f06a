--TEST--
With files an application that chooses PHP's own files stays on rustdb
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-files
rustdb.takeover=files
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

var_dump(ini_set('session.save_handler', 'files'), ini_get('session.save_handler'), App\use_session());
var_dump(ini_alter('session.save_handler', 'FILES'), session_module_name('files'), session_module_name(), App\use_session());
// All else is PHP's matter.
foreach ([fn () => ini_set('session.save_handler', 'files', 'more'), fn () => session_module_name('files', 'more')] as $wrong) {
    try {
        $wrong();
    } catch (ArgumentCountError $error) {
        echo $error->getMessage(), "\n";
    }
}
var_dump(ini_set('session.name', 'files'), ini_get('session.name'), ini_set('precision', '10'), ini_set('no.such', 'files'));
var_dump(@session_module_name('nonsense'), @ini_set('session.save_handler', 'user'));
var_dump(session_set_save_handler(new App\Other()), session_module_name(), session_module_name('files'), session_module_name());
session_start();
var_dump(@ini_set('session.save_handler', 'files'), @session_module_name('files'));
var_dump(@session_set_save_handler(new App\Other()));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(6) "rustdb"
string(6) "rustdb"
string(6) "rustdb"
string(6) "rustdb"
string(6) "rustdb"
string(6) "rustdb"
string(6) "rustdb"
ini_set() expects exactly 2 arguments, 3 given
session_module_name() expects at most 1 argument, 2 given
string(9) "PHPSESSID"
string(5) "files"
string(2) "14"
bool(false)
bool(false)
bool(false)
bool(true)
string(4) "user"
string(4) "user"
string(6) "rustdb"
bool(false)
bool(false)
bool(false)
