--TEST--
A session still open when an exception ends the script is written
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-written-after-an-uncaught-exception
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

php('session_id("end"); session_start(); $_SESSION["a"] = 1; throw new Exception();');
echo session_elsewhere('end'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
