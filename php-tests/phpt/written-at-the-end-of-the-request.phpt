--TEST--
A session still open when the script ends is written
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-written-at-the-end-of-the-request
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

var_dump(php('session_id("end"); session_start(); $_SESSION["a"] = 1;'));
echo session_elsewhere('end'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(0) ""
{"a":1}
