--TEST--
A foreign file in place of the store is set aside unchanged, and the log says so
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-store-file-is-foreign
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$foreign = str_repeat('not a database. ', 4096);
file_put_contents(store_dir() . '/store.mdb', $foreign);
$output = php('session_id("new"); var_dump(session_start()); $_SESSION["a"] = 1;', ['error_log' => store_dir() . '/error.log']);
var_dump($output);
var_dump(str_contains(file_get_contents(store_dir() . '/error.log'), store_dir() . '/store.mdb'));
var_dump(count(array_filter(glob(store_dir() . '/*'), fn ($file) => file_get_contents($file) === $foreign)));
echo session_elsewhere('new', ['error_log' => store_dir() . '/error.log']), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(11) "bool(true)
"
bool(true)
int(1)
{"a":1}
