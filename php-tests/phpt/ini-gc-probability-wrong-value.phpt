--TEST--
A wrong value of rustdb.gc_probability is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-gc-probability-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['-1', 'high'] as $value) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.gc_probability' => $value]);
    preg_match('/Warning: .*rustdb\.gc_probability.*/', $output, $warning);
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
high: warned, value named, refused
