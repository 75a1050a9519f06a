--TEST--
A prefixed key of another session is refused as a session id
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-that-is-a-prefixed-key
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused('PHPREDIS_SESSION:good');
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
