--TEST--
A script cannot change the entries of the extension
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-not-for-scripts
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

var_dump(ini_set('rustdb.store', 'embedded:///elsewhere'), ini_set('rustdb.lock', 'none'), ini_set('rustdb.lock_wait', '0'), ini_set('rustdb.lifetime', '1'));
var_dump(ini_get('rustdb.lock'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
bool(false)
bool(false)
bool(false)
string(9) "exclusive"
