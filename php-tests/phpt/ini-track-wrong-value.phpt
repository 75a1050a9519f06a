--TEST--
A wrong value of rustdb.track is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-track-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['users', 'user ip', 'none,ip'] as $value) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.track' => $value]);
    preg_match('/Warning: .*rustdb\.track.*/', $output, $warning);
    echo "$value: ", isset($warning[0]) ? 'warned' : 'NO WARNING', ', ',
        str_contains($warning[0] ?? '', $value) ? 'value named' : 'VALUE NOT NAMED', ', ',
        substr_count($output, "bool(false)\n") === 2 ? 'refused' : 'STARTED', "\n";
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
users: warned, value named, refused
user ip: warned, value named, refused
none,ip: warned, value named, refused
