--TEST--
Nothing is taken over where session.save_handler is not rustdb
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-only-where-rustdb-is-the-handler
rustdb.takeover="App\Handler,files"
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

$code = 'require ' . var_export(__DIR__ . '/handlers.inc', true) . '; ini_set("session.save_path", ' . var_export(store_dir(), true) . ');
    var_dump(session_set_save_handler(new App\Handler()), session_module_name());
    var_dump(ini_set("session.save_handler", "files"), session_module_name());';
echo php($code, ['session.save_handler' => 'files']), php($code);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
string(4) "user"
string(4) "user"
string(5) "files"
bool(true)
string(6) "rustdb"
string(6) "rustdb"
string(6) "rustdb"
