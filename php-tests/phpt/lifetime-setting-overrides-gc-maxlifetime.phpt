--TEST--
rustdb.lifetime goes before session.gc_maxlifetime
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-lifetime-setting-overrides-gc-maxlifetime
session.gc_maxlifetime=1
rustdb.lifetime=1440
session.gc_probability=0
rustdb.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

// The second store follows session.gc_maxlifetime. When its session is gone, the time of the first would have been up too.
mkdir(store_dir() . '/second', 0700);
$second = ['rustdb.lifetime' => '0', 'rustdb.store' => 'embedded://' . store_dir() . '/second'];
put('a', ['a' => 1]);
php('session_id("a"); session_start(); $_SESSION["a"] = 1;', $second);
var_dump(wait_until(fn () => session_elsewhere('a', $second) === '[]'));
echo session_elsewhere('a'), "\n";
buffer_remove(store_dir() . '/second');
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
{"a":1}
