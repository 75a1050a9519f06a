--TEST--
Sessions opened one after the other in one request keep their own data
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-several-ids-in-one-request
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

for ($round = 0; $round < 3; $round++) {
    for ($i = 0; $i < 10; $i++) {
        session_id("user-$i");
        session_start();
        $_SESSION['who'] ??= $i;
        $_SESSION['rounds'] = ($_SESSION['rounds'] ?? 0) + 1;
        session_write_close();
    }
}
for ($i = 0; $i < 10; $i++) {
    ['who' => $who, 'rounds' => $rounds] = peek("user-$i");
    echo "$i: who $who, rounds $rounds\n";
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
0: who 0, rounds 3
1: who 1, rounds 3
2: who 2, rounds 3
3: who 3, rounds 3
4: who 4, rounds 3
5: who 5, rounds 3
6: who 6, rounds 3
7: who 7, rounds 3
8: who 8, rounds 3
9: who 9, rounds 3
