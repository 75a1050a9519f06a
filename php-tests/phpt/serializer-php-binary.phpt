--TEST--
Sessions written with session.serialize_handler=php_binary come back whole
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-serializer-php-binary
session.serialize_handler=php_binary
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$data = ['int' => 7, 'float' => 0.5, 'bytes' => "\0\xff|;", 'list' => [1, [2, null]], 'when' => new ArrayObject(['x' => true])];
put('typed', $data);
var_dump(peek('typed') == $data);
echo php('session_id("typed"); session_start(); echo get_class($_SESSION["when"]), " ", bin2hex($_SESSION["bytes"]);'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
ArrayObject 00ff7c3b
