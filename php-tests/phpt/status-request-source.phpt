--TEST--
rustdb_status() tells where the session of this request came from
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-status-request-source
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_id('source');
session_start();
var_dump(rustdb_status()['request']['source']);
$_SESSION['a'] = 1;
session_write_close();
session_start();
var_dump(rustdb_status()['request']['source']);
session_write_close();
echo php('session_id("source"); session_start(); echo rustdb_status()["request"]["source"];'), "\n";
buffer_remove();
echo php('session_id("source"); session_start(); echo rustdb_status()["request"]["source"], " ", json_encode($_SESSION);'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(3) "new"
string(6) "buffer"
buffer
store {"a":1}
