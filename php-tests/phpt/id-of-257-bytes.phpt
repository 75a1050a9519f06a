--TEST--
A session id of 257 bytes is refused
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-of-257-bytes
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused(str_repeat('a', 257));
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
