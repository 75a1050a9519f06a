--TEST--
A session id with a line break is refused
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-with-newline
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused("abc\n");
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
