--TEST--
The key of another session's lock is refused as a session id
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-that-is-the-lock-key-of-another-session
--FILE--
<?php
require __DIR__ . '/bad_id.inc';
refused('good_LOCK');
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
