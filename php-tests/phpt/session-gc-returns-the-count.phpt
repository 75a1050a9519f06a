--TEST--
session_gc() collects the expired sessions and returns how many
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-gc-returns-the-count
session.gc_probability=0
rustdb.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

ini_set('session.gc_maxlifetime', 1);
for ($i = 0; $i < 5; $i++) {
    put("old-$i", ['i' => $i]);
}
ini_set('session.gc_maxlifetime', 1440);
put('live', ['a' => 1]);
var_dump(wait_until(fn () => peek('old-4') === null));
session_id('live');
session_start();
var_dump(session_gc(), session_gc());
session_write_close();
var_dump(peek('live') !== null);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
int(5)
int(0)
bool(true)
