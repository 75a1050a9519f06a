--TEST--
rustdb.buffer_size=0 switches the buffer off; sessions still work
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-buffer-switched-off
rustdb.buffer_size=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('unbuffered', ['a' => 1]);
echo session_elsewhere('unbuffered'), "\n";
session_id('unbuffered');
session_start();
var_dump(rustdb_status()['request']['source'], rustdb_status()['buffer']['entries'], lock_is_free('unbuffered'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
string(5) "store"
int(0)
bool(false)
