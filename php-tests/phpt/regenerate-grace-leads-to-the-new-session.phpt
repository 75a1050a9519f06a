--TEST--
With rustdb.regenerate_grace the old id reads and writes the new session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-leads-to-the-new-session
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
session_regenerate_id(true);
$_SESSION['b'] = 2;
$new = session_id();
session_write_close();

echo session_elsewhere('before'), "\n";
// A request that came with the old id changes the new session, too.
echo php('session_id("before"); session_start(); $_SESSION["c"] = 3; session_write_close(); var_dump(session_id());');
echo session_elsewhere($new), "\n", session_elsewhere('before'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1,"b":2}
string(6) "before"
{"a":1,"b":2,"c":3}
{"a":1,"b":2,"c":3}
