--TEST--
A handler that is taken over follows one that is not, and the other way round
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-changes-hands
rustdb.takeover=App\Handler
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

$other = new App\Other();
echo App\register(new App\Handler()), "\n", App\register($other), "\n", App\register(new App\Handler()), "\n", App\register($other), "\n";
ini_set('session.save_path', store_dir());
ini_set('session.save_handler', 'files');
echo App\register(new App\Handler()), "\n";
ini_restore('session.save_handler');
var_dump(session_module_name());
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
true, kept by rustdb, rustdb rustdb
true, kept by the application, user user
true, kept by rustdb, rustdb rustdb
true, kept by the application, user user
true, kept by rustdb, rustdb rustdb
string(6) "rustdb"
