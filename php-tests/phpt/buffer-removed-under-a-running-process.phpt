--TEST--
A process whose buffer is unlinked goes on and loses no session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-buffer-removed-under-a-running-process
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
$path = rustdb_status()['buffer']['path'];
remove_tree(is_file($path) ? dirname($path) : $path);
put('after', ['b' => 2]);
// A process looks once a second, and makes it anew.
for ($end = time() + 10; !file_exists($path) && time() < $end; usleep(10000)) {
    session_id('before');
    session_start();
    $before = $_SESSION;
    session_write_close();
}
echo json_encode($before), file_exists($path) ? " there again\n" : " missing\n";
echo session_elsewhere('before'), session_elsewhere('after'), "\n";
session_id('after');
session_start();
var_dump(lock_is_free('after'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1} there again
{"a":1}{"b":2}
bool(false)
