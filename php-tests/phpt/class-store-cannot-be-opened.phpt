--TEST--
A store that cannot be opened is a warning at each use, and the object is still there
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-store-cannot-be-opened
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

mkdir(store_dir() . '/open', 0777);
chmod(store_dir() . '/open', 0777);
$handler = new Rustdb\SessionHandler(['store' => 'embedded://' . store_dir() . '/open']);
var_dump($handler->open('', ''), $handler->read('a'), $handler->write('a', 'b'), $handler->destroy('a'), $handler->gc(1));
chmod(store_dir() . '/open', 0700);
var_dump($handler->write('a', 'b'), $handler->read('a'));
buffer_remove(store_dir() . '/open');
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECTF--
Warning: Rustdb\SessionHandler::open(): rustdb: %s

Warning: Rustdb\SessionHandler::read(): rustdb: %s

Warning: Rustdb\SessionHandler::write(): rustdb: %s

Warning: Rustdb\SessionHandler::destroy(): rustdb: %s

Warning: Rustdb\SessionHandler::gc(): rustdb: %s
bool(false)
bool(false)
bool(false)
bool(false)
bool(false)
bool(true)
string(1) "b"
