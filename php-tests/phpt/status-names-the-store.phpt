--TEST--
rustdb_status() names the store and where its files are
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-status-names-the-store
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('where', ['a' => 1]);
$status = rustdb_status();
var_dump($status['store'] === 'embedded://' . store_dir(), $status['store_path'] === store_dir(), file_exists($status['buffer']['path']));
var_dump($status['buffer']['size'] > 0, $status['buffer']['used'] > 0);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
