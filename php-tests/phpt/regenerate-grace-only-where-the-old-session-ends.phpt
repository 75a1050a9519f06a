--TEST--
session_regenerate_id(false) and session_destroy() leave no lead
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-only-where-the-old-session-ends
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
session_regenerate_id(false);
$_SESSION['b'] = 2;
session_write_close();
echo session_elsewhere('before'), "\n";

session_id('before');
session_start();
session_destroy();
session_id('other');
session_start();
$_SESSION['c'] = 3;
session_write_close();
echo session_elsewhere('before'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
[]
