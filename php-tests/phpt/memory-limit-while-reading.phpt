--TEST--
Memory running out while a session is read ends the request and frees the lock
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-memory-limit-while-reading
memory_limit=512M
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('big', ['data' => str_repeat('x', 40 << 20)]);
$output = php('session_id("big"); session_start(); echo "not reached";', ['memory_limit' => '24M']);
var_dump((bool) preg_match('/Allowed memory size of \d+ bytes exhausted/', $output), str_contains($output, 'not reached'));
var_dump(lock_is_free('big'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(false)
bool(true)
