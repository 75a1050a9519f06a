--TEST--
What one process wrote, a second process of the same user reads
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-visible-to-another-process
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('shared', ['name' => 'Ada', 'basket' => [3, 5]]);
echo session_elsewhere('shared'), "\n";
php('session_id("shared"); session_start(); $_SESSION["name"] = "Grace";');
var_dump(peek('shared')['name']);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"name":"Ada","basket":[3,5]}
string(5) "Grace"
