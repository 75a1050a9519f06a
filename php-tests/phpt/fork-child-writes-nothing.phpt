--TEST--
A forked child that ends normally does not write its parent's session
--EXTENSIONS--
pcntl
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-fork-child-writes-nothing
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('family', ['who' => 'nobody']);
session_id('family');
session_start();
$_SESSION['who'] = 'parent';
if (pcntl_fork() === 0) {
    ob_end_clean();
    ob_start(fn () => '');
    $_SESSION['who'] = 'child';
    exit;
}
pcntl_wait($status);
var_dump(pcntl_wifexited($status));
echo session_elsewhere('family'), "\n";
session_write_close();
echo session_elsewhere('family'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
{"who":"nobody"}
{"who":"parent"}
