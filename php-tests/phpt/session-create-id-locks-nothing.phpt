--TEST--
session_create_id() leaves no lock on the id it made
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-create-id-locks-nothing
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('open', ['a' => 1]);
session_id('open');
session_start();
$other = session_create_id();
var_dump(lock_is_free($other));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
