--TEST--
An empty id is refused by every method that takes one
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-empty-to-the-handler
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$handler = new SessionHandler();
session_set_save_handler($handler, true);
session_start();
set_error_handler(fn () => true);
var_dump($handler->read(''), $handler->write('', 'a|i:1;'), $handler->destroy(''));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
bool(false)
bool(false)
