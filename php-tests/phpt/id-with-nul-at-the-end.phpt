--TEST--
A session id that ends in a NUL byte is refused
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-with-nul-at-the-end
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused("good\0");
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
