--TEST--
A forked child that ends does not let go of its parent's lock
--EXTENSIONS--
pcntl
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-fork-child-keeps-the-parents-lock
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('family', ['a' => 1]);
session_id('family');
session_start();
if (pcntl_fork() === 0) {
    ob_end_clean();
    ob_start(fn () => '');
    exit;
}
pcntl_wait($status);
var_dump(pcntl_wifexited($status), lock_is_free('family'));
session_write_close();
var_dump(lock_is_free('family'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(false)
bool(true)
