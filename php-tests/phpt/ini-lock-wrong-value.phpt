--TEST--
A wrong value of rustdb.lock is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-lock-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['bogus'] as $value) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.lock' => $value]);
    preg_match('/Warning: .*rustdb\.lock.*/', $output, $warning);
    echo "$value: ", isset($warning[0]) ? 'warned' : 'NO WARNING', ', ',
        str_contains($warning[0] ?? '', $value) ? 'value named' : 'VALUE NOT NAMED', ', ',
        substr_count($output, "bool(false)\n") === 2 ? 'refused' : 'STARTED', "\n";
    foreach (['exclusive', 'none'] as $allowed) {
        echo "  $allowed ", str_contains($warning[0] ?? '', $allowed) ? 'offered' : 'NOT OFFERED', "\n";
    }
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bogus: warned, value named, refused
  exclusive offered
  none offered
