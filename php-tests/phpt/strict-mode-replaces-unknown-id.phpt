--TEST--
Strict mode puts a fresh id in the place of one that nobody wrote
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-strict-mode-replaces-unknown-id
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_id('made-up-by-a-visitor');
var_dump(session_start(), session_id() === 'made-up-by-a-visitor', strlen(session_id()));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(false)
int(32)
