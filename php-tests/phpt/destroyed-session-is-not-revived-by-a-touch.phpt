--TEST--
A session destroyed while another request had it open stays destroyed when that one changed nothing
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-destroyed-session-is-not-revived-by-a-touch
rustdb.lock="none"
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('ended', ['a' => 1]);
session_id('ended');
session_start();
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
