--TEST--
A symbolic link that another user put in place of the store directory is refused with a clear warning
--SKIPIF--
<?php
require __DIR__ . '/store.inc';
if (!is_root()) {
    die('skip only root can make a link for somebody else');
}
?>
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-directory-is-a-symlink-of-another-user
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

mkdir(store_dir() . '/real', 0700);
symlink(store_dir() . '/real', store_dir() . '/link');
lchown(store_dir() . '/link', 65534);
$output = php('var_dump(session_start());', ['rustdb.store' => 'embedded://' . store_dir() . '/link']);
var_dump((bool) preg_match('/Warning: .*' . preg_quote(store_dir() . '/link', '/') . '/', $output), str_contains($output, 'bool(false)'));
var_dump(array_diff(scandir(store_dir() . '/real'), ['.', '..']));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
array(0) {
}
