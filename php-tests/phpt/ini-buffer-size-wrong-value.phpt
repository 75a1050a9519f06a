--TEST--
A wrong value of rustdb.buffer_size is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-buffer-size-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['-5', 'plenty'] as $value) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.buffer_size' => $value]);
    preg_match('/Warning: .*rustdb\.buffer_size.*/', $output, $warning);
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
-5: warned, value named, refused
plenty: warned, value named, refused
