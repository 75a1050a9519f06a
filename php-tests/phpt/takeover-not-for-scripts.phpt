--TEST--
No script changes rustdb.takeover
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-not-for-scripts
rustdb.takeover=App\Handler
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

var_dump(ini_set('rustdb.takeover', '*'), ini_get('rustdb.takeover'));
echo App\register(new App\Other()), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
string(11) "App\Handler"
true, kept by the application, user user
