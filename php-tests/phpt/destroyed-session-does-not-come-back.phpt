--TEST--
A session destroyed while another request had it open stays destroyed when that one writes
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-destroyed-session-does-not-come-back
rustdb.lock="none"
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('ended', ['a' => 1]);
session_id('ended');
session_start();
$_SESSION['a'] = 2;
php('session_id("ended"); session_start(); session_destroy();');
@session_write_close();
echo session_elsewhere('ended'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
[]
