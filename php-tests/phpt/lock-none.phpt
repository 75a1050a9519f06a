--TEST--
rustdb.lock=none opens a session that another request has open
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-lock-none
rustdb.lock=none
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('open', ['a' => 1]);
session_id('open');
session_start();
$_SESSION['a'] = 2;
var_dump(lock_is_free('open'));
session_write_close();
echo session_elsewhere('open'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
{"a":2}
