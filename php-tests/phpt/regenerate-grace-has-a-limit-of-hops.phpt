--TEST--
Of an id that was replaced too often not every lead is followed, and no request hangs
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-has-a-limit-of-hops
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
for ($i = 0; $i < 20; $i++) {
    session_regenerate_id(true);
}
$new = session_id();
session_write_close();
echo session_elsewhere('before'), "\n", session_elsewhere($new), "\n";
var_dump(lock_is_free('before'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
[]
{"a":1}
bool(true)
