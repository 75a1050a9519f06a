--TEST--
A session still open at exit() is written
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-written-after-exit
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

php('session_id("end"); session_start(); $_SESSION["a"] = 1; exit(3);');
echo session_elsewhere('end'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
