--TEST--
rustdb_status() tells what the close of the session did
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-status-request-write
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_id('close');
session_start();
$_SESSION['a'] = 1;
session_write_close();
var_dump(rustdb_status()['request']['write']);
session_start();
session_abort();
var_dump(rustdb_status()['request']['write']);
session_start();
session_destroy();
var_dump(rustdb_status()['request']['write']);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(5) "write"
string(4) "none"
string(7) "destroy"
