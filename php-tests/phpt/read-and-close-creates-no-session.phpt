--TEST--
read_and_close of an id that nobody wrote creates no session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-read-and-close-creates-no-session
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

echo session_elsewhere('nobody'), "\n";
session_id('nobody');
session_start(['use_strict_mode' => 1]);
var_dump(session_id() === 'nobody');
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
[]
bool(false)
