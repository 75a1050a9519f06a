--TEST--
read_and_close does not wait for a request that holds the session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-read-and-close-takes-no-lock
rustdb.lock_wait=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('held', ['a' => 1]);
session_id('held');
session_start();
$_SESSION['a'] = 2;
var_dump(lock_is_free('held'));
echo session_elsewhere('held'), "\n";
session_write_close();
echo session_elsewhere('held'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
{"a":1}
{"a":2}
