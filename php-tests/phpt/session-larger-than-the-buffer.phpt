--TEST--
A session larger than rustdb.buffer_size is stored and comes back whole
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-larger-than-the-buffer
rustdb.buffer_size=1M
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$data = random_bytes(4 << 20);
put('small', ['a' => 1]);
put('big', ['data' => $data]);
var_dump(peek('big')['data'] === $data, peek('small'));
var_dump(php('session_id("big"); session_start(); echo md5($_SESSION["data"]);') === md5($data));
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
bool(true)
