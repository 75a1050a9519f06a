--TEST--
The warning for a refused id says what an id may be made of
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-refused-id-names-the-rule
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

ob_end_clean();
ob_start();
session_id('not_valid');
var_dump(session_start());
var_dump((bool) preg_match('/Warning: .*id.*(character|A-Z)/i', ob_get_clean()));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
