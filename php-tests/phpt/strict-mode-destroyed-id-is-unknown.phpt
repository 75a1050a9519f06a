--TEST--
A destroyed id is unknown in strict mode
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-strict-mode-destroyed-id-is-unknown
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$id = session_id();
$_SESSION['a'] = 1;
session_write_close();
php("session_id('$id'); session_start(); session_destroy();");
session_id($id);
session_start();
var_dump(session_id() === $id, $_SESSION);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
array(0) {
}
