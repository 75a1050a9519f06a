--TEST--
A wrong value of rustdb.write is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-write-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['sometimes'] as $value) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.write' => $value]);
    preg_match('/Warning: .*rustdb\.write.*/', $output, $warning);
    echo "$value: ", isset($warning[0]) ? 'warned' : 'NO WARNING', ', ',
        str_contains($warning[0] ?? '', $value) ? 'value named' : 'VALUE NOT NAMED', ', ',
        substr_count($output, "bool(false)\n") === 2 ? 'refused' : 'STARTED', "\n";
    foreach (['auto', 'through', 'behind'] as $allowed) {
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
sometimes: warned, value named, refused
  auto offered
  through offered
  behind offered
