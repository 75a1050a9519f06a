--TEST--
An expired session reads as missing before anything collected it
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-expired-session-reads-as-missing
session.gc_probability=0
rustdb.gc_probability=0
rustdb.lifetime=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('short', ['a' => 1]);
var_dump(wait_until(fn () => peek('short') === null));
var_dump(rustdb_status()['gc']['collected']);
echo session_elsewhere('short'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
int(0)
[]
