--TEST--
An empty session_id() makes PHP generate an id
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-empty-to-session-id
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_id('');
var_dump(session_start(), strlen(session_id()));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
int(32)
