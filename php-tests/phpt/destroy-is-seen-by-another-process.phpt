--TEST--
A destroyed session is gone for every process
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-destroy-is-seen-by-another-process
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('doomed', ['a' => 1]);
echo session_elsewhere('doomed'), "\n";
session_id('doomed');
session_start();
session_destroy();
echo session_elsewhere('doomed'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
[]
