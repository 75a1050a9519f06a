--TEST--
Two stores keep two sessions of the same id apart
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-stores-do-not-mix
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

mkdir(store_dir() . '/second', 0700);
$second = ['rustdb.store' => 'embedded://' . store_dir() . '/second'];
put('same', ['store' => 1]);
php('session_id("same"); session_start(); $_SESSION["store"] = 2;', $second);
echo session_elsewhere('same'), session_elsewhere('same', $second), "\n";
buffer_remove(store_dir() . '/second');
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"store":1}{"store":2}
