--TEST--
A session id with a semicolon is refused
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-with-semicolon
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused('1;DELETE');
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
in strict mode: refused
session_start: refused
read: refused
write: refused
destroy: harmless
