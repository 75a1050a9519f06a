--TEST--
rustdb_status() has the documented keys, each of the documented type
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-status-shape
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('shape', ['a' => 1]);
session_id('shape');
session_start();
$status = rustdb_status();
$documented = [
    '' => ['version' => 'string', 'store' => 'string', 'store_path' => 'string', 'migrated' => 'int', 'request' => 'array'],
    'buffer' => ['path' => 'string', 'size' => 'int', 'used' => 'int', 'entries' => 'int', 'unflushed' => 'int', 'hits' => 'int',
        'misses' => 'int', 'evictions' => 'int'],
    'lock' => ['waits' => 'int', 'wait_us' => 'int', 'timeouts' => 'int'],
    'flush' => ['runs' => 'int', 'sessions' => 'int', 'errors' => 'int'],
    'gc' => ['runs' => 'int', 'collected' => 'int'],
    'request' => ['source' => 'string', 'lock_wait_us' => 'int', 'read_us' => 'int', 'write' => 'string', 'write_us' => 'int'],
];
foreach ($documented as $group => $keys) {
    $values = $group === '' ? $status : $status[$group];
    foreach ($keys as $key => $type) {
        if (get_debug_type($values[$key] ?? null) !== $type) {
            echo "$group.$key is ", get_debug_type($values[$key] ?? null), ", not $type\n";
        }
    }
}
echo "done\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
done
