--TEST--
session_set_save_handler(new SessionHandler) works on top of rustdb
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-handler-class
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_set_save_handler(new SessionHandler(), true);
put('wrapped', ['a' => 1]);
session_id('wrapped');
session_start();
$_SESSION['b'] = 2;
session_write_close();
var_dump(peek('wrapped'));
echo session_elsewhere('wrapped'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
array(2) {
  ["a"]=>
  int(1)
  ["b"]=>
  int(2)
}
{"a":1,"b":2}
