--TEST--
A script can go back to PHP's files handler
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-files-handler-still-works
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

mkdir(store_dir() . '/files', 0700);
var_dump(session_module_name('files'));
session_save_path(store_dir() . '/files');
put('plain', ['a' => 1]);
var_dump(file_get_contents(store_dir() . '/files/sess_plain'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(6) "rustdb"
string(6) "a|i:1;"
