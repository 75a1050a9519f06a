--TEST--
A session id with bytes that are no UTF-8 is refused
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-with-invalid-utf-8
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused("a\xff\xfe");
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
