--TEST--
Strict mode goes on with a session that exists
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-strict-mode-accepts-existing-id
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$id = session_id();
$_SESSION['a'] = 1;
session_write_close();
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
bool(true)
array(1) {
  ["a"]=>
  int(1)
}
