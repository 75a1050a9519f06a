--TEST--
A session id with a slash is refused
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-with-slash
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused('a/b');
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
