--TEST--
A request that goes on to another id holds no lock on the one before
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-next-id-releases-the-lock-of-the-last
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('first', ['a' => 1]);
session_id('second');
session_start();
var_dump(lock_is_free('first'), lock_is_free('second'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(false)
