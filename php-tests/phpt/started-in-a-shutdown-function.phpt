--TEST--
A session started in a shutdown function is written
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-started-in-a-shutdown-function
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

var_dump(php('register_shutdown_function(function () { session_id("late"); session_start(); $_SESSION["a"] = 1; });'));
echo session_elsewhere('late'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(0) ""
{"a":1}
