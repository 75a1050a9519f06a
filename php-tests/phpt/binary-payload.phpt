--TEST--
Every byte value survives in session data
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-binary-payload
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$bytes = '';
for ($i = 0; $i < 256; $i++) {
    $bytes .= chr($i);
}
put('bytes', ['all' => $bytes, 'twice' => strrev($bytes) . $bytes]);
var_dump(peek('bytes') === ['all' => $bytes, 'twice' => strrev($bytes) . $bytes]);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
