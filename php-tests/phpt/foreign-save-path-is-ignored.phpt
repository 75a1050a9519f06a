--TEST--
A session.save_path meant for another handler does not break a configured store
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-foreign-save-path-is-ignored
session.save_path="tcp://127.0.0.1:6379?auth=x"
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('fine', ['a' => 1]);
echo session_elsewhere('fine'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
