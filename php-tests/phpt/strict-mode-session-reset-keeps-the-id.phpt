--TEST--
session_reset() of a session not yet written keeps its id in strict mode
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-strict-mode-session-reset-keeps-the-id
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$id = session_id();
$_SESSION['a'] = 1;
var_dump(session_reset(), session_id() === $id, $_SESSION);
$_SESSION['b'] = 2;
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
array(0) {
}
{"b":2}
