--TEST--
phpinfo() shows the settings, the store, the buffer, locks, flushes and garbage collection
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-phpinfo-section
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('shown', ['a' => 1]);
ob_start();
phpinfo(INFO_MODULES);
$info = ob_get_clean();
$section = preg_match('/^rustdb\n(.*?)\n\n\n/ms', $info . "\n\n\n", $match) ? $match[1] : '';
$wanted = ['rustdb.store', 'rustdb.lock', 'rustdb.lock_wait', 'rustdb.buffer_size', 'rustdb.write', 'rustdb.flush_interval', 'rustdb.touch_interval', 'rustdb.volatile_keys',
    'rustdb.lifetime', 'rustdb.gc_probability', 'rustdb.gc_divisor', 'rustdb.regenerate_grace', 'rustdb.migrate_from', 'Sessions brought over', 'rustdb.busy_poll', 'rustdb.takeover', store_dir(), rustdb_status()['version'],
    'size', 'entries', 'hits', 'misses', 'evictions', 'waits', 'timeouts', 'flush', 'garbage'];
foreach ($wanted as $word) {
    if (stripos($info, $word) === false) {
        echo "missing: $word\n";
    }
}
var_dump((bool) preg_match('/^rustdb$/m', $info));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
