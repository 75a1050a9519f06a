--TEST--
A session id with a NUL byte is refused
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-with-nul
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused("a\0b");
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
