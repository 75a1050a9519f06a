--TEST--
More sessions than the buffer holds are all readable
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-buffer-smaller-than-the-data
rustdb.buffer_size=1M
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$pad = str_repeat('p', 2000);
for ($i = 0; $i < 3000; $i++) {
    put("s$i", ['i' => $i, 'pad' => $pad]);
}
$wrong = 0;
for ($i = 0; $i < 3000; $i++) {
    $wrong += peek("s$i") !== ['i' => $i, 'pad' => $pad];
}
var_dump($wrong, rustdb_status()['buffer']['evictions'] > 0);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
int(0)
bool(true)
