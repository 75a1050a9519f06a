--TEST--
A wrong value of rustdb.store is a warning that names it, and session_start() fails
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-ini-store-wrong-value
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['nonsense', 'ftp://host/dir', 'embedded://relative/dir'] as $value) {
    $output = php('var_dump(session_start(), session_status() === PHP_SESSION_ACTIVE);', ['rustdb.store' => $value]);
    preg_match('/Warning: .*rustdb\.store.*/', $output, $warning);
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
nonsense: warned, value named, refused
ftp://host/dir: warned, value named, refused
embedded://relative/dir: warned, value named, refused
