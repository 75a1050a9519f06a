--TEST--
A wrong value of rustdb.busy_poll is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-busy-poll-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['1001', '-1', 'many'] as $value) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.busy_poll' => $value]);
    preg_match('/Warning: .*rustdb\.busy_poll.*/', $output, $warning);
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
1001: warned, value named, refused
-1: warned, value named, refused
many: warned, value named, refused
