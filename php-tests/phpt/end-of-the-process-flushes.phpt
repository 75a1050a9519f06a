--TEST--
A command line process leaves nothing unflushed when it ends
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-end-of-the-process-flushes
rustdb.write=behind
rustdb.flush_interval=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

php('for ($i = 0; $i < 20; $i++) { session_id("s$i"); session_start(); $_SESSION["i"] = $i; session_write_close(); }');
echo php('echo rustdb_status()["buffer"]["unflushed"];'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
0
