--TEST--
A session of 1 MiB comes back whole
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-of-one-mebibyte
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$data = random_bytes(1 << 20);
put('big', ['data' => $data]);
var_dump(peek('big')['data'] === $data);
var_dump(php('session_id("big"); session_start(); echo md5($_SESSION["data"]);') === md5($data));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
