--TEST--
session_regenerate_id(false) writes the data under a new id and keeps the old session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-id-keeps-the-old-session
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
$_SESSION['b'] = 2;
var_dump(session_regenerate_id(false), session_id() !== 'before');
$id = session_id();
$_SESSION['c'] = 3;
session_write_close();
echo session_elsewhere('before'), "\n", session_elsewhere($id), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
{"a":1,"b":2}
{"a":1,"b":2,"c":3}
