--TEST--
rustdb_status()['request'] is null in a request that opened no session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-status-without-a-session
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

var_dump(rustdb_status()['request']);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
NULL
