--TEST--
With rustdb.write=through a session is on disk before the request goes on
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-write-through-persists-at-once
rustdb.write=through
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$writer = php_start('session_id("kept"); session_start(); $_SESSION["a"] = 1; session_write_close(); fwrite(STDERR, "done"); stream_get_contents(STDIN);');
var_dump(fread($writer->out, 4));
proc_terminate($writer->process, 9);
php_wait($writer);
buffer_remove();
echo session_elsewhere('kept'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(4) "done"
{"a":1}
