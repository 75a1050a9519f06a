--TEST--
An id that PHP generates for the handler has the length that is set
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-generated-id-has-the-set-length
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
var_dump(preg_match('/^[0-9a-f]{32}$/', session_id()));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
int(1)
