--TEST--
session_regenerate_id(true) destroys the old session and writes the data under a new id
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-id-deletes-the-old-session
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
var_dump(session_regenerate_id(true), session_id() !== 'before');
$id = session_id();
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
[]
{"a":1}
