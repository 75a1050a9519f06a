--TEST--
Settings that are made up anew again and again leave no files open
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-many-settings
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$first = new Rustdb\SessionHandler(['lifetime' => 99]);
$first->open('', '');
$first->read('first');
for ($i = 1; $i <= 300; $i++) {
    // Until midnight, say.
    $handler = new Rustdb\SessionHandler(['lifetime' => 100 + $i]);
    $handler->write('many', "n|i:$i;");
}
var_dump(count(scandir('/proc/self/fd')) < 120, $handler->read('many'), lock_is_free('first'), $first->close(), lock_is_free('first'));
// Each has its own lock on what it reads, however many there are.
$all = [];
for ($i = 1; $i <= 100; $i++) {
    $all[$i] = new Rustdb\SessionHandler(['lifetime' => 1000 + $i]);
    $all[$i]->open('', '');
}
var_dump($all[1]->read('many'), lock_is_free('many'), $all[1]->close(), lock_is_free('many'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
string(8) "n|i:300;"
bool(false)
bool(true)
bool(true)
string(8) "n|i:300;"
bool(false)
bool(true)
bool(true)
