--TEST--
An id of 256 bytes, the longest that PHP allows, is accepted
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-of-256-bytes
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put(str_repeat('aZ09,-xy', 32), ['a' => 1]);
echo session_elsewhere(str_repeat('aZ09,-xy', 32)), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
