--TEST--
phpinfo() works before a session was started
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-phpinfo-before-any-session
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

ob_start();
phpinfo(INFO_MODULES);
var_dump(str_contains(ob_get_clean(), 'rustdb.store'), session_status() === PHP_SESSION_NONE);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
