--TEST--
SessionHandler::write() stores raw bytes, NUL included, and read() returns them
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-binary-payload-through-session-handler
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$handler = new SessionHandler();
session_set_save_handler($handler, true);
session_id('raw');
session_start();
var_dump($handler->write('raw', "\0\xff\0PHP\0"), bin2hex($handler->read('raw')));
session_abort();
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
string(14) "00ff0050485000"
