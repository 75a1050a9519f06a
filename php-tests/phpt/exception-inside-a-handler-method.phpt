--TEST--
An exception in a method of a SessionHandler subclass leaves no lock behind its request
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-exception-inside-a-handler-method
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

// PHP calls no further method once one has thrown, close() included, so only the end of the request frees the lock.
put('thrown', ['a' => 1]);
echo php('class Throwing extends SessionHandler {
        public function write(string $id, string $data): bool { throw new RuntimeException("no"); }
    }
    session_set_save_handler(new Throwing(), false); session_id("thrown"); session_start(); $_SESSION["a"] = 2;
    try { session_write_close(); } catch (RuntimeException $e) { echo $e->getMessage(); }'), "\n";
var_dump(lock_is_free('thrown'));
echo session_elsewhere('thrown'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
no
bool(true)
{"a":1}
