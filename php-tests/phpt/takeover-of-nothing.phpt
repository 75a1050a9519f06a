--TEST--
Without rustdb.takeover all handlers are the application's, and so is the choice of files
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-of-nothing
rustdb.takeover=
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

echo App\register(new App\Handler()), "\n";
ini_set('session.save_path', store_dir());
var_dump(ini_set('session.save_handler', 'files'), session_module_name(), ini_get('rustdb.takeover'));
var_dump(session_set_save_handler(new App\Other()), session_module_name());
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
true, kept by the application, user user
string(4) "user"
string(5) "files"
string(0) ""
bool(true)
string(4) "user"
