--TEST--
A wrong value of rustdb.migrate_from is a warning that names it and says what is meant, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-migrate-from-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$wrong = [
    '/var/lib/php/sessions' => 'files:///DIRECTORY?lifetime=SECONDS',
    'files:///var/lib/php/sessions' => '?lifetime=1440',
    'files:///var/lib/php/sessions?lifetime=1440&depth=two' => 'depth=two',
    'redis://127.0.0.1/0?colour=red' => 'colour',
    'mysql://127.0.0.1' => 'no database',
    'memcached://one,two' => 'several',
];
foreach ($wrong as $value => $part) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.migrate_from' => "\"$value\""]);
    preg_match('/Warning: .*rustdb\.migrate_from.*/', $output, $warning);
    echo "$value: ", isset($warning[0]) ? 'warned' : 'NO WARNING', ', ',
        str_contains($warning[0] ?? '', $part) ? 'explained' : 'NOT EXPLAINED', ', ',
        substr_count($output, "bool(false)\n") === 2 ? 'refused' : 'STARTED', "\n";
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
/var/lib/php/sessions: warned, explained, refused
files:///var/lib/php/sessions: warned, explained, refused
files:///var/lib/php/sessions?lifetime=1440&depth=two: warned, explained, refused
redis://127.0.0.1/0?colour=red: warned, explained, refused
mysql://127.0.0.1: warned, explained, refused
memcached://one,two: warned, explained, refused
