--TEST--
With lazy_write a session that did not change is not written
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-lazy-write-skips-an-unchanged-session
session.lazy_write=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('lazy', ['a' => 1]);
var_dump(rustdb_status()['request']['write']);
session_id('lazy');
session_start();
session_write_close();
var_dump(in_array(rustdb_status()['request']['write'], ['none', 'touch'], true));
session_start();
$_SESSION['a'] = 2;
session_write_close();
var_dump(rustdb_status()['request']['write']);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(5) "write"
bool(true)
string(5) "write"
