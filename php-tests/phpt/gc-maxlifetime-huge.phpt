--TEST--
The largest session.gc_maxlifetime does not overflow the expiry
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-gc-maxlifetime-huge
session.gc_maxlifetime=9223372036854775807
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('huge', ['a' => 1]);
echo session_elsewhere('huge'), "\n";
session_id('huge');
session_start();
var_dump(session_gc());
session_write_close();
echo session_elsewhere('huge'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
int(0)
{"a":1}
