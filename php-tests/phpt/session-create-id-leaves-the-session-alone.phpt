--TEST--
session_create_id() while a session is open does not disturb that session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-create-id-leaves-the-session-alone
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$id = session_id();
$_SESSION['a'] = 1;
$other = session_create_id();
var_dump($other !== $id, session_id() === $id, lock_is_free($id));
session_write_close();
echo session_elsewhere($id), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
bool(false)
{"a":1}
