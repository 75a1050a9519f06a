--TEST--
session_destroy() lets go of the lock
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-destroy-releases-the-lock
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('doomed', ['a' => 1]);
session_id('doomed');
session_start();
var_dump(lock_is_free('doomed'));
session_destroy();
var_dump(lock_is_free('doomed'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
bool(true)
