--TEST--
Sessions that the background thread brought to the disk are counted
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-status-counts-flushes
rustdb.write=behind
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$before = rustdb_status()['flush'];
put('flushed', ['a' => 1]);
var_dump(wait_until(fn () => rustdb_status()['flush']['sessions'] > $before['sessions']));
var_dump(rustdb_status()['flush']['runs'] > $before['runs'], rustdb_status()['flush']['errors']);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
int(0)
