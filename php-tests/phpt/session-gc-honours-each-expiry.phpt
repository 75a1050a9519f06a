--TEST--
session_gc() goes by the expiry each session was written with, not by the caller's lifetime
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-gc-honours-each-expiry
session.gc_probability=0
rustdb.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('long', ['a' => 1]);
ini_set('session.gc_maxlifetime', 1);
put('short', ['a' => 1]);
var_dump(wait_until(fn () => peek('short') === null));
session_id('collector');
session_start();
var_dump(session_gc());
session_write_close();
var_dump(peek('long') !== null);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
int(1)
bool(true)
