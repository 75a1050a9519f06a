--TEST--
A process that starts no session creates no file in the store
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-idle-process-touches-nothing
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

php('echo 1;');
var_dump(array_diff(scandir(store_dir()), ['.', '..']));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
array(0) {
}
