--TEST--
An id of one byte is accepted
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-of-one-byte
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('0', ['zero' => true]);
put(',', ['comma' => true]);
put('-', ['dash' => true]);
echo session_elsewhere('0'), session_elsewhere(','), session_elsewhere('-'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"zero":true}{"comma":true}{"dash":true}
