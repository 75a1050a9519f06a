--TEST--
A password in a URL shows neither in warnings nor in phpinfo
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-password-is-never-shown
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$output = php('@session_start(); session_start(); phpinfo(INFO_MODULES | INFO_CONFIGURATION);
    try { var_dump(rustdb_status()); } catch (Throwable $e) { echo $e; }',
    ['rustdb.store' => 'mysql://someone:Hu5h-Hu5h@127.0.0.1:1/nowhere']);
var_dump(str_contains($output, '127.0.0.1:1/nowhere'), str_contains($output, 'Hu5h'));
foreach (['mysql://someone:Hu5h-Hu5h@127.0.0.1:1/nowhere', 'mysqli://someone:Hu5h%40127.0.0.1:1/nowhere', 'redis://:Hu5h@127.0.0.1:1/nowhere?layout=cm'] as $url) {
    $output = php('@session_start(); session_start(); phpinfo(INFO_MODULES | INFO_CONFIGURATION);', ['rustdb.migrate_from' => "\"$url\""]);
    var_dump(str_contains($output, '127.0.0.1:1/nowhere'), str_contains($output, 'Hu5h'));
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
bool(false)
bool(true)
bool(false)
bool(true)
bool(false)
