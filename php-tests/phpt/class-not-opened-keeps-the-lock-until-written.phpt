--TEST--
Not opened, Rustdb\SessionHandler keeps the session read last locked until it is written or destroyed
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-not-opened-keeps-the-lock-until-written
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$handler = new Rustdb\SessionHandler();
$handler->read('one');
var_dump(lock_is_free('one'));
$handler->write('one', 'a|i:1;');
var_dump(lock_is_free('one'));
$handler->read('one');
var_dump(lock_is_free('one'), $handler->read('one'), lock_is_free('one'));
$handler->destroy('one');
var_dump(lock_is_free('one'));

echo "another one is read\n";
$handler->read('one');
$handler->read('two');
var_dump(lock_is_free('one'), lock_is_free('two'));
(new Rustdb\SessionHandler())->read('three');
var_dump(lock_is_free('two'), lock_is_free('three'));

echo "closed\n";
$handler->read('one');
$handler->close();
var_dump(lock_is_free('one'));

echo "the object is gone\n";
$handler->read('one');
unset($handler);
var_dump(lock_is_free('one'));

echo "the process has ended\n";
var_dump(php('$handler = new Rustdb\SessionHandler(); $handler->read("one"); echo "read";'), lock_is_free('one'));
var_dump(php('$handler = new Rustdb\SessionHandler(); $handler->open("", ""); $handler->read("one"); echo "read"; exit;'), lock_is_free('one'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
bool(true)
bool(false)
string(6) "a|i:1;"
bool(false)
bool(true)
another one is read
bool(true)
bool(false)
bool(true)
bool(true)
closed
bool(true)
the object is gone
bool(true)
the process has ended
string(4) "read"
bool(true)
string(4) "read"
bool(true)
