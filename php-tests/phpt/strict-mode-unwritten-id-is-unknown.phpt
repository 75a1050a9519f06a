--TEST--
An id that was generated but never written is unknown in strict mode
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-strict-mode-unwritten-id-is-unknown
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$id = php('session_start(); echo session_id(); session_abort();');
session_id($id);
session_start();
var_dump(strlen($id), session_id() === $id);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
int(32)
bool(false)
