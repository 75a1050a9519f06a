--TEST--
A file in place of the store directory is refused with a clear warning, and left as it is
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-directory-is-a-file
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

file_put_contents(store_dir() . '/file', 'precious');
$output = php('var_dump(session_start());', ['rustdb.store' => 'embedded://' . store_dir() . '/file']);
var_dump((bool) preg_match('/Warning: .*' . preg_quote(store_dir() . '/file', '/') . '/', $output), str_contains($output, 'bool(false)'));
var_dump(file_get_contents(store_dir() . '/file'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
string(8) "precious"
