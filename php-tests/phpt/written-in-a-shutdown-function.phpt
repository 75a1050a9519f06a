--TEST--
Changes that a shutdown function makes to the open session are written
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-written-in-a-shutdown-function
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

php('session_id("end"); session_start(); register_shutdown_function(function () { $_SESSION["a"] = 1; });');
echo session_elsewhere('end'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
