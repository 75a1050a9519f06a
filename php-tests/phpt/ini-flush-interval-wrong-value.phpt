--TEST--
A wrong value of rustdb.flush_interval is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-flush-interval-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['-1', 'often'] as $value) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.flush_interval' => $value]);
    preg_match('/Warning: .*rustdb\.flush_interval.*/', $output, $warning);
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
-1: warned, value named, refused
often: warned, value named, refused
