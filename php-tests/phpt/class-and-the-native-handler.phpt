--TEST--
Rustdb\SessionHandler and the native handler see the same sessions
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-and-the-native-handler
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('native', ['a' => 1]);
$handler = new Rustdb\SessionHandler();
var_dump($handler->read('native'), $handler->write('native', 'a|i:2;'), $handler->write('object', 'b|i:3;'));
var_dump(peek('native'), peek('object'), session_elsewhere('object'));
var_dump($handler->destroy('native'), peek('native'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(6) "a|i:1;"
bool(true)
bool(true)
array(1) {
  ["a"]=>
  int(2)
}
array(1) {
  ["b"]=>
  int(3)
}
string(7) "{"b":3}"
bool(true)
NULL
