--TEST--
session.gc_maxlifetime set by the script with ini_set() is honoured
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-gc-maxlifetime-set-at-run-time
session.gc_probability=0
rustdb.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('long', ['a' => 1]);
ini_set('session.gc_maxlifetime', 1);
put('short', ['a' => 1]);
var_dump(wait_until(fn () => peek('short') === null), peek('long') !== null);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
