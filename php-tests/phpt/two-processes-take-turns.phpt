--TEST--
Increments by two processes at once are all counted: the lock lets one in at a time
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-two-processes-take-turns
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$code = 'for ($i = 0; $i < 300; $i++) { session_id("counter"); session_start(); $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1; session_write_close(); }';
$one = php_start($code);
$two = php_start($code);
echo php_wait($one), php_wait($two), session_elsewhere('counter'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"n":600}
