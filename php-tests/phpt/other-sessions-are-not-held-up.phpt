--TEST--
A locked session holds up nobody who uses another one
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-other-sessions-are-not-held-up
rustdb.lock_wait=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('held', ['a' => 1]);
session_id('held');
session_start();
echo php('for ($i = 0; $i < 50; $i++) { session_id("other-$i"); session_start(); $_SESSION["i"] = $i; session_write_close(); } echo "done";'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
done
