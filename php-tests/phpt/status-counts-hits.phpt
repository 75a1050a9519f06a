--TEST--
The buffer's hits are counted for all processes together
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-status-counts-hits
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('counted', ['a' => 1]);
$before = rustdb_status()['buffer'];
for ($i = 0; $i < 3; $i++) {
    php('session_id("counted"); session_start();');
}
$after = rustdb_status()['buffer'];
var_dump($after['hits'] - $before['hits'], $after['entries']);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
int(3)
int(1)
