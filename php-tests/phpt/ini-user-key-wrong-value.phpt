--TEST--
A wrong value of rustdb.user_key is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-user-key-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['a..b', 'x,.y'] as $value) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.user_key' => $value]);
    preg_match('/Warning: .*rustdb\.user_key.*/', $output, $warning);
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
a..b: warned, value named, refused
x,.y: warned, value named, refused
