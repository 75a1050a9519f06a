--TEST--
session_abort() discards what the request changed and lets go of the lock
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-abort-discards-changes
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('undo', ['a' => 1]);
session_id('undo');
session_start();
$_SESSION['a'] = 2;
var_dump(session_abort(), lock_is_free('undo'));
echo session_elsewhere('undo'), "\n";
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
