--TEST--
The old id leads to the new session for rustdb.regenerate_grace seconds
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-ends
rustdb.regenerate_grace=1
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$_SESSION['a'] = 1;
session_write_close();
$first = session_id();
session_start();
session_regenerate_id(true);
$new = session_id();
session_write_close();

$led = "session_id('$first'); session_start(['read_and_close' => true]); echo session_id() === '$new' ? 'led' : 'unknown';";
var_dump(wait_until(fn () => php($led) === 'unknown', 10));
echo session_elsewhere($new), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
{"a":1}
