--TEST--
Without lazy_write an unchanged session is still there afterwards
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-lazy-write-off-keeps-the-data
session.lazy_write=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('eager', ['a' => 1]);
session_id('eager');
session_start();
session_write_close();
echo session_elsewhere('eager'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
