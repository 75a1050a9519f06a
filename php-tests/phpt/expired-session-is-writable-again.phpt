--TEST--
An expired id can be started again: empty, and writable
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-expired-session-is-writable-again
session.gc_probability=0
rustdb.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

ini_set('session.gc_maxlifetime', 1);
put('again', ['a' => 1]);
var_dump(wait_until(fn () => peek('again') === null));
ini_set('session.gc_maxlifetime', 1440);
session_id('again');
session_start();
var_dump($_SESSION);
$_SESSION['b'] = 2;
session_write_close();
echo session_elsewhere('again'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
array(0) {
}
{"b":2}
