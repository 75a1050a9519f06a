--TEST--
session.auto_start opens the session before the script runs
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-auto-start
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

var_dump(php('echo session_status() === PHP_SESSION_ACTIVE ? "active" : "none"; $_SESSION["a"] = 1; echo " ", strlen(session_id());',
    ['session.auto_start' => '1']));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(9) "active 32"
