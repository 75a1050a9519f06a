--TEST--
A request that had to wait for a lock is counted, and knows how long it waited
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-status-counts-lock-waits
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('counted', ['a' => 1]);
session_id('counted');
session_start();
$before = rustdb_status()['lock']['waits'];
$waiter = php_start('session_id("counted"); fwrite(STDERR, "waits"); session_start(); var_dump(rustdb_status()["request"]["lock_wait_us"] > 0);');
var_dump(fread($waiter->out, 5), wait_until_asleep($waiter));
session_write_close();
echo php_wait($waiter);
var_dump(rustdb_status()['lock']['waits'] - $before, rustdb_status()['lock']['wait_us'] > 0);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(5) "waits"
bool(true)
bool(true)
int(1)
bool(true)
