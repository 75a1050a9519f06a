--TEST--
session_reset() brings back what is stored and keeps the lock
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-reset-restores-stored-data
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('reset', ['a' => 1]);
session_id('reset');
session_start();
$_SESSION = ['b' => 2];
var_dump(session_reset(), $_SESSION, lock_is_free('reset'));
$_SESSION['c'] = 3;
session_write_close();
var_dump(lock_is_free('reset'));
echo session_elsewhere('reset'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
array(1) {
  ["a"]=>
  int(1)
}
bool(false)
bool(true)
{"a":1,"c":3}
