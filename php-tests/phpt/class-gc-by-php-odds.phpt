--TEST--
PHP's own odds make an object collect in the background, where nobody waits for it
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-gc-by-php-odds
session.gc_probability=0
session.gc_divisor=1
rustdb.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

ini_set('session.gc_maxlifetime', 1);
put('old', ['a' => 1]);
ini_set('session.gc_maxlifetime', 1440);
var_dump(wait_until(fn () => peek('old') === null), rustdb_status()['gc']['collected']);
session_set_save_handler(new Rustdb\SessionHandler());
ini_set('session.gc_probability', 1);
put('another', ['a' => 1]);
var_dump(wait_until(fn () => rustdb_status()['gc']['collected'] === 1));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
int(0)
bool(true)
