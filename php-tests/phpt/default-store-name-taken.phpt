--TEST--
When somebody else made the default directory's name first, another one is used
--SKIPIF--
<?php
require __DIR__ . '/store.inc';
if (!is_root()) {
    die('skip only root can make a directory for somebody else');
}
?>
--INI--
session.save_handler=rustdb
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

mkdir(store_dir() . '/sessions', 01733);
chmod(store_dir() . '/sessions', 01733);
mkdir(store_dir() . '/sessions/rustdb-0', 0700);
chown(store_dir() . '/sessions/rustdb-0', 65534);
$ini = ['session.save_path' => store_dir() . '/sessions', 'rustdb.store' => ''];
$path = php('session_id("home"); session_start(); $_SESSION["a"] = 1; session_write_close(); echo rustdb_status()["store_path"];', $ini);
var_dump(dirname($path) === store_dir() . '/sessions', basename($path) !== 'rustdb-0');
echo session_elsewhere('home', $ini), "\n";
var_dump(array_diff(scandir(store_dir() . '/sessions/rustdb-0'), ['.', '..']));
buffer_remove($path);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
{"a":1}
array(0) {
}
