--TEST--
Troubles of an object's own store are in the log when it has written, opened and closed or not
--INI--
session.save_handler=files
rustdb.store=embedded://{TMP}/rustdb-phpt-class-own-store-tells-its-troubles
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$own = store_dir() . '/own';
mkdir($own, 0700);
file_put_contents("$own/store.mdb", str_repeat('not a database. ', 4096));
ini_set('error_log', store_dir() . '/error.log');
$handler = new Rustdb\SessionHandler(['store' => "embedded://$own"]);
var_dump($handler->read('one'), $handler->write('one', 'a|i:1;'));
var_dump(str_contains((string) @file_get_contents(store_dir() . '/error.log'), "$own/store.mdb"));
ini_restore('error_log');
unset($handler);
buffer_remove($own);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(0) ""
bool(true)
bool(true)
