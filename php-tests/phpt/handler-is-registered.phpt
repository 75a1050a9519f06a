--TEST--
rustdb registers itself as a session save handler
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-handler-is-registered
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

var_dump(session_module_name());
ob_start();
phpinfo(INFO_MODULES);
preg_match('/Registered save handlers => (.*)/', ob_get_clean(), $match);
var_dump(in_array('rustdb', explode(' ', trim($match[1]))));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(6) "rustdb"
bool(true)
