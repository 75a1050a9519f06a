--TEST--
A killed process leaves no lock behind
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-lock-ends-with-its-holder
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('held', ['a' => 1]);
$holder = php_start('session_id("held"); session_start(); $_SESSION["a"] = 2; fwrite(STDERR, "open"); stream_get_contents(STDIN);');
var_dump(fread($holder->out, 4), lock_is_free('held'));
proc_terminate($holder->process, 9);
php_wait($holder);
var_dump(lock_is_free('held'));
echo session_elsewhere('held'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(4) "open"
bool(false)
bool(true)
{"a":1}
