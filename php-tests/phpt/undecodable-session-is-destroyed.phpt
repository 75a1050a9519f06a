--TEST--
Data that PHP cannot decode: PHP destroys the session, and the next start is empty
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-undecodable-session-is-destroyed
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$handler = new SessionHandler();
session_set_save_handler($handler, true);
session_id('other');
session_start();
$handler->write('garbled', "\x80 no session data");
session_abort();
session_id('garbled');
var_dump(@session_start(), $_SESSION);
echo session_elsewhere('garbled'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
array(0) {
}
[]
