--TEST--
With rustdb.regenerate_grace session_destroy() by the old id ends the new session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-destroyed-by-the-old-id
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
session_regenerate_id(true);
$new = session_id();
session_write_close();

echo php('session_id("before"); session_start(); var_dump(session_destroy()); session_id("before"); session_start();
    var_dump($_SESSION); $_SESSION["b"] = 2;');
echo session_elsewhere($new), "\n", session_elsewhere('before'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
array(0) {
}
[]
{"b":2}
