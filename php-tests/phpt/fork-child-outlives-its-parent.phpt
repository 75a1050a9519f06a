--TEST--
A forked child that outlives its parent does not keep the session locked
--EXTENSIONS--
pcntl
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-fork-child-outlives-its-parent
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$parent = php_start('session_id("family"); session_start(); $_SESSION["who"] = "parent"; fwrite(STDERR, "open");
    if (pcntl_fork() === 0) {
        $_SESSION["who"] = "child";
        stream_get_contents(STDIN);
    }');
var_dump(fread($parent->out, 4));
var_dump(wait_until(fn () => !proc_get_status($parent->process)['running']));
var_dump(lock_is_free('family'));
echo session_elsewhere('family'), "\n";
php_wait($parent);
echo session_elsewhere('family'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(4) "open"
bool(true)
bool(true)
{"who":"parent"}
{"who":"parent"}
