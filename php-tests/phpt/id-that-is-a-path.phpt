--TEST--
A session id that climbs directories is refused
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-that-is-a-path
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused('../../../etc/passwd');
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
