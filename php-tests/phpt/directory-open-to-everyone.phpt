--TEST--
A store directory with mode 0777 is refused with a clear warning
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-directory-open-to-everyone
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

chmod(store_dir(), 0777);
$output = php('var_dump(session_start());');
var_dump((bool) preg_match('/Warning: .*' . preg_quote(store_dir(), '/') . '/', $output), str_contains($output, 'bool(false)'));
var_dump(array_diff(scandir(store_dir()), ['.', '..']));
chmod(store_dir(), 0700);
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
