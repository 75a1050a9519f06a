--TEST--
A forked child that calls session_write_close() neither writes nor unlocks its parent's session
--EXTENSIONS--
pcntl
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-fork-child-closing-the-session
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
    @session_write_close();
    exit;
}
pcntl_wait($status);
var_dump(pcntl_wifexited($status), lock_is_free('family'));
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
bool(false)
{"who":"nobody"}
{"who":"parent"}
