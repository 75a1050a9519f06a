--TEST--
Without strict mode an unknown id is adopted
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-strict-mode-off-adopts-unknown-id
session.use_strict_mode=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_id('adopted');
var_dump(session_start(), session_id(), $_SESSION);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
string(7) "adopted"
array(0) {
}
