--TEST--
rustdb.regenerate_grace with rustdb.lock=none: a slower request does not bring the old session back
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-without-locks
rustdb.regenerate_grace=60
rustdb.lock=none
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
$slow = php_start('session_id("before"); session_start(); fwrite(STDERR, "open"); fgets(STDIN); $_SESSION["slow"] = 1;
    var_dump(session_write_close());');
var_dump(fread($slow->out, 4));
session_id('before');
session_start();
session_regenerate_id(true);
echo session_elsewhere('before'), "\n";
$_SESSION['b'] = 2;
$new = session_id();
session_write_close();
fwrite($slow->in, "\n");
echo php_wait($slow);
echo session_elsewhere('before'), "\n", session_elsewhere($new), "\n";
echo session_elsewhere('before', ['rustdb.regenerate_grace' => 0]), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(4) "open"
{"a":1}
bool(true)
{"a":1,"b":2}
{"a":1,"b":2}
[]
