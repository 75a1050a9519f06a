--TEST--
Memory running out while an object reads ends the request, frees the lock and keeps the session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-memory-limit
memory_limit=512M
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('big', ['data' => str_repeat('x', 40 << 20)]);
foreach (['(new Rustdb\SessionHandler())->read("big");', 'session_set_save_handler(new Rustdb\SessionHandler()); session_id("big"); session_start();'] as $code) {
    $output = php("$code echo 'not reached';", ['memory_limit' => '24M', 'error_log' => '/dev/null']);
    var_dump((bool) preg_match('/Allowed memory size of \d+ bytes exhausted/', $output), str_contains($output, 'not reached'));
    var_dump(lock_is_free('big'), strlen(peek('big')['data']));
}
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
int(41943040)
bool(true)
bool(false)
bool(true)
int(41943040)
