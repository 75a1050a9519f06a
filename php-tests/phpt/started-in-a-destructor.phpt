--TEST--
A session started in a destructor at the end of the request is written
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-started-in-a-destructor
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

var_dump(php('class Late { function __destruct() { session_id("late"); session_start(); $_SESSION["a"] = 1; session_write_close(); } }
    $late = new Late();'));
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
