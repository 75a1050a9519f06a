--TEST--
With rustdb.regenerate_grace the old id leads to the session while the script that replaced it still runs
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-before-it-is-written
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
$_SESSION['b'] = 2;
session_regenerate_id(true);
// Who only reads does not wait, and sees what is stored; who writes waits for this request.
echo session_elsewhere('before'), "\n";
var_dump(lock_is_free('before'));
$waiter = php_start('session_id("before"); session_start(); echo json_encode($_SESSION), "\n";');
var_dump(wait_until_asleep($waiter));
session_write_close();
echo php_wait($waiter);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
bool(false)
bool(true)
{"a":1,"b":2}
