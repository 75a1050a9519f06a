--TEST--
Without rustdb.store the sessions live in a private directory below session.save_path
--INI--
session.save_handler=rustdb
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

mkdir(store_dir() . '/sessions', 01733);
chmod(store_dir() . '/sessions', 01733);
$ini = ['session.save_path' => store_dir() . '/sessions', 'rustdb.store' => ''];
$path = php('session_id("home"); session_start(); $_SESSION["a"] = 1; session_write_close(); echo rustdb_status()["store_path"];', $ini);
var_dump(dirname($path) === store_dir() . '/sessions', (bool) preg_match('/^rustdb-\d+$/', basename($path)));
printf("%o\n", fileperms($path) & 07777);
echo session_elsewhere('home', $ini), "\n";
buffer_remove($path);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
700
{"a":1}
