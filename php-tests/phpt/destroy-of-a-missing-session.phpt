--TEST--
Destroying a session that does not exist succeeds
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-destroy-of-a-missing-session
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_id('never-written');
session_start();
var_dump(session_destroy());
$handler = new SessionHandler();
session_set_save_handler($handler, true);
session_start();
var_dump($handler->destroy('not-there'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
