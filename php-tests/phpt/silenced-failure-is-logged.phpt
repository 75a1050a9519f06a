--TEST--
A failure that the application silences still reaches the error log, once
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-silenced-failure-is-logged
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

file_put_contents(store_dir() . '/file', '');
php('for ($i = 0; $i < 20; $i++) { error_reporting(0); @session_start(); }',
    ['rustdb.store' => 'embedded://' . store_dir() . '/file', 'log_errors' => '1', 'error_log' => store_dir() . '/error.log']);
$log = is_file(store_dir() . '/error.log') ? file(store_dir() . '/error.log') : [];
var_dump(count(array_filter($log, fn ($line) => str_contains($line, store_dir() . '/file'))));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
int(1)
