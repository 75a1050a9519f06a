--TEST--
Without rustdb.regenerate_grace no lead is left or followed
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-off
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
session_regenerate_id(true);
session_write_close();
echo session_elsewhere('before', ['rustdb.regenerate_grace' => 60]), "\n";

echo php('session_id("second"); session_start(); $_SESSION = ["a" => 1]; session_write_close(); session_start();
    session_regenerate_id(true);', ['rustdb.regenerate_grace' => 60]);
echo session_elsewhere('second', ['rustdb.regenerate_grace' => 60]), "\n", session_elsewhere('second'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
[]
{"a":1}
[]
