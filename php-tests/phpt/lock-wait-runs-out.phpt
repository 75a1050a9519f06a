--TEST--
A lock not free within rustdb.lock_wait makes session_start() fail with a warning
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-lock-wait-runs-out
rustdb.lock_wait=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('held', ['a' => 1]);
session_id('held');
session_start();
$output = php('session_id("held"); var_dump(session_start());');
var_dump((bool) preg_match('/Warning: .*(lock|held)/i', $output), str_contains($output, 'bool(false)'));
var_dump(rustdb_status()['lock']['timeouts']);
session_write_close();
echo session_elsewhere('held'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
int(1)
{"a":1}
