--TEST--
A session that grows and shrinks never shows a rest of its older data
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-grows-and-shrinks
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach ([10, 100_000, 3, 5000, 0, 70_000, 1] as $size) {
    put('elastic', ['data' => str_repeat('x', $size)]);
    $read = peek('elastic')['data'];
    echo strlen($read), session_elsewhere('elastic') === json_encode(['data' => $read]) ? ' whole' : ' BROKEN', "\n";
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
10 whole
100000 whole
3 whole
5000 whole
0 whole
70000 whole
1 whole
