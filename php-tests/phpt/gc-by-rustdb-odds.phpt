--TEST--
Where session.gc_probability is 0, rustdb.gc_probability has the background thread collect
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-gc-by-rustdb-odds
session.gc_probability=0
session.gc_maxlifetime=1
rustdb.gc_probability=1
rustdb.gc_divisor=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('old', ['a' => 1]);
var_dump(wait_until(function () {
    put('busy', ['t' => microtime(true)]);
    return rustdb_status()['gc']['collected'] >= 1;
}));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
