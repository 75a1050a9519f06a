--TEST--
A wrong value does not keep PHP's files handler from working
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-wrong-value-leaves-other-handlers-alone
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

mkdir(store_dir() . '/files', 0700);
echo php('session_id("plain"); session_start(); $_SESSION["a"] = 1; session_write_close();
    readfile(session_save_path() . "/sess_plain");',
    ['rustdb.lock' => 'bogus', 'session.save_handler' => 'files', 'session.save_path' => store_dir() . '/files', 'error_log' => '/dev/null', 'display_startup_errors' => '0']), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
a|i:1;
