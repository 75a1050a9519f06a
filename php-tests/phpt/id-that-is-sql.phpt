--TEST--
A session id that is SQL is refused
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-that-is-sql
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused("x' OR 1=1; DROP TABLE sessions; --");
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
