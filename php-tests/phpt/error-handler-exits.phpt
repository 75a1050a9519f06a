--TEST--
An error handler that exits at a warning of ours ends the request without a crash
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-error-handler-exits
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$output = php('ob_start();
    session_id("fine"); session_start(); $_SESSION["a"] = 1; session_write_close();
    set_error_handler(function () { echo "exit"; exit; });
    session_id("not_a_valid_id"); session_start(); echo "not reached";');
var_dump($output);
var_dump(lock_is_free('fine'));
echo session_elsewhere('fine'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(4) "exit"
bool(true)
{"a":1}
