--TEST--
An id that leads to a destroyed session has no session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-ends-with-the-new-session
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
session_regenerate_id(true);
$new = session_id();
session_write_close();
session_start();
session_destroy();

echo session_elsewhere($new), "\n", session_elsewhere('before'), "\n";
var_dump(lock_is_free('before'), lock_is_free($new));
// It is an id like any other now.
put('before', ['b' => 2]);
echo session_elsewhere($new), "\n", session_elsewhere('before'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
[]
[]
bool(true)
bool(true)
[]
{"b":2}
