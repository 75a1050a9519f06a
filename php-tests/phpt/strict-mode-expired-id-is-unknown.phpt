--TEST--
An expired id is unknown in strict mode
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-strict-mode-expired-id-is-unknown
session.use_strict_mode=1
session.gc_maxlifetime=1
session.gc_probability=0
rustdb.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$id = session_id();
$_SESSION['a'] = 1;
session_write_close();
ini_set('session.use_strict_mode', 0);
var_dump(wait_until(fn () => peek($id) === null));
ini_set('session.use_strict_mode', 1);
session_id($id);
session_start();
var_dump(session_id() === $id);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(false)
