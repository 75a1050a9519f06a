--TEST--
A forked child can open and write another session
--EXTENSIONS--
pcntl
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-fork-child-uses-its-own-session
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('parent', ['a' => 1]);
if (pcntl_fork() === 0) {
    ob_end_clean();
    ob_start(fn () => '');
    put('child', ['b' => 2]);
    exit;
}
pcntl_wait($status);
var_dump(pcntl_wifexited($status));
echo session_elsewhere('parent'), session_elsewhere('child'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
{"a":1}{"b":2}
