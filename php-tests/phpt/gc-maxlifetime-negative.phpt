--TEST--
A negative session.gc_maxlifetime does not lose a session that is written and read at once
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-gc-maxlifetime-negative
session.gc_maxlifetime=-100
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('minus', ['a' => 1]);
var_dump(peek('minus'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
array(1) {
  ["a"]=>
  int(1)
}
