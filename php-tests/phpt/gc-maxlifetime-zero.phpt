--TEST--
session.gc_maxlifetime=0 does not lose a session that is written and read at once
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-gc-maxlifetime-zero
session.gc_maxlifetime=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('zero', ['a' => 1]);
var_dump(peek('zero'));
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
