--TEST--
session_create_id() makes an id with a prefix that session_id() takes
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-create-id-with-prefix
session.use_strict_mode=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$id = session_create_id('user-7-');
session_id($id);
session_start();
$_SESSION['a'] = 1;
session_write_close();
var_dump(str_starts_with($id, 'user-7-'), session_id() === $id);
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
{"a":1}
