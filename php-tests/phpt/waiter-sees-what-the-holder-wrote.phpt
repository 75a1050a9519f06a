--TEST--
A request that waited for the lock reads what the one before it wrote
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-waiter-sees-what-the-holder-wrote
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('turn', ['a' => 1]);
session_id('turn');
session_start();
$waiter = php_start('session_id("turn"); fwrite(STDERR, "waits"); session_start(); echo json_encode($_SESSION);');
var_dump(fread($waiter->out, 5), wait_until_asleep($waiter));
$_SESSION['a'] = 2;
session_write_close();
echo php_wait($waiter), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(5) "waits"
bool(true)
{"a":2}
