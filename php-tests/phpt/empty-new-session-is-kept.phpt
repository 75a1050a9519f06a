--TEST--
A new session closed without data exists afterwards, as with PHP's own files handler
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-empty-new-session-is-kept
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$id = session_id();
session_write_close();
echo php("session_id('$id'); session_start(); echo session_id() === '$id' ? 'same id' : 'another id';"), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
same id
