--TEST--
read_and_close reads the session and leaves it closed and unchanged
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-read-and-close-leaves-the-session-closed
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('reader', ['a' => 1]);
session_id('reader');
var_dump(session_start(['read_and_close' => true]), $_SESSION, session_status() === PHP_SESSION_NONE);
$_SESSION['a'] = 2;
echo session_elsewhere('reader'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
array(1) {
  ["a"]=>
  int(1)
}
bool(true)
{"a":1}
