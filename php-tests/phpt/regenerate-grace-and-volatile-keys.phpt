--TEST--
With rustdb.regenerate_grace a session that is emptied under its new id is written, whatever is volatile in it
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-and-volatile-keys
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach ([[], ['_sf2_meta' => ['u' => 1]]] as $left) {
    put('before', ['a' => 1, '_sf2_meta' => ['u' => 0]]);
    session_id('before');
    session_start();
    session_regenerate_id(true);
    $new = session_id();
    $_SESSION = $left;
    session_write_close();
    echo session_elsewhere($new), "\n", session_elsewhere('before'), "\n";
    session_start();
    session_destroy();
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
[]
[]
{"_sf2_meta":{"u":1}}
{"_sf2_meta":{"u":1}}
