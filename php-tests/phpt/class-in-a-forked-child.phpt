--TEST--
A forked child neither writes nor frees what an object of its parent has in use
--EXTENSIONS--
pcntl
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-in-a-forked-child
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$handler = new Rustdb\SessionHandler();
session_set_save_handler($handler);
put('family', ['who' => 'nobody']);
session_id('family');
session_start();
$_SESSION['who'] = 'parent';
if (pcntl_fork() === 0) {
    ob_end_clean();
    ob_start(fn () => '');
    $_SESSION['who'] = 'child';
    $handler->write('child', 'a|i:1;');
    exit;
}
pcntl_wait($status);
var_dump(pcntl_wifexited($status), lock_is_free('family'));
echo session_elsewhere('family'), session_elsewhere('child'), "\n";
session_write_close();
echo session_elsewhere('family'), "\n";
var_dump(lock_is_free('family'));

// Nor what PHP's own session has in use together with an object.
ini_set('session.save_handler', 'rustdb');
$handler->open('', '');
$handler->read('family');
session_start();
if (pcntl_fork() === 0) {
    ob_end_clean();
    ob_start(fn () => '');
    $handler->write('family', 'who|s:5:"child";');
    exit;
}
pcntl_wait($status);
var_dump(pcntl_wifexited($status), lock_is_free('family'), session_write_close(), lock_is_free('family'), $handler->close(), peek('family'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(false)
{"who":"nobody"}{"a":1}
{"who":"parent"}
bool(true)
bool(true)
bool(false)
bool(true)
bool(false)
bool(true)
array(1) {
  ["who"]=>
  string(6) "parent"
}
