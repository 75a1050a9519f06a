--TEST--
session_regenerate_id(true) called again and again leaves one session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-id-many-times
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$_SESSION['a'] = 1;
$ids = [session_id()];
for ($i = 0; $i < 20; $i++) {
    session_regenerate_id(true);
    $ids[] = session_id();
}
session_write_close();
ini_set('session.use_strict_mode', 0);
var_dump(count(array_unique($ids)), array_keys(array_filter($ids, fn ($id) => peek($id) !== null)) === [20]);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
int(21)
bool(true)
