--TEST--
Opened, Rustdb\SessionHandler keeps the session it read locked until it is closed
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-opened-keeps-the-lock-until-closed
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$handler = new Rustdb\SessionHandler();
$handler->open('', 'PHPSESSID');
var_dump($handler->read('one'), lock_is_free('one'));
$handler->write('one', 'a|i:1;');
var_dump(lock_is_free('one'));
// Others are looked at without a lock, and written under one that goes with the write.
var_dump($handler->read('two'), lock_is_free('two'), $handler->write('two', 'b|i:1;'), lock_is_free('two'), lock_is_free('one'));
$handler->destroy('one');
var_dump(lock_is_free('one'));
$handler->close();
var_dump(lock_is_free('one'));

session_set_save_handler($handler);
session_id('three');
session_start();
var_dump(lock_is_free('three'));
session_write_close();
var_dump(lock_is_free('three'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(0) ""
bool(false)
bool(false)
string(0) ""
bool(true)
bool(true)
bool(true)
bool(false)
bool(false)
bool(true)
bool(false)
bool(true)
