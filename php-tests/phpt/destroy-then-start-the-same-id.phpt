--TEST--
After session_destroy() the same request starts the same id empty and can write it
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-destroy-then-start-the-same-id
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('phoenix', ['a' => 1]);
session_id('phoenix');
session_start();
var_dump(session_destroy());
session_id('phoenix');
var_dump(session_start(), session_id(), $_SESSION);
$_SESSION['b'] = 2;
session_write_close();
echo session_elsewhere('phoenix'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
string(7) "phoenix"
array(0) {
}
{"b":2}
