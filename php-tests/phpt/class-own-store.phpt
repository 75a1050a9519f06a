--TEST--
A Rustdb\SessionHandler with a store of its own shares nothing with that of php.ini
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-own-store
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$directory = store_dir() . '/own';
mkdir($directory, 0700);
$own = new Rustdb\SessionHandler(['store' => "embedded://$directory", 'buffer_size' => 1 << 20, 'lock_wait' => 0.5, 'touch_interval' => 5]);
$ini = new Rustdb\SessionHandler();
var_dump($own->write('same', 'own'), $ini->read('same'), $ini->write('same', 'ini'), $own->read('same'), $ini->read('same'));
put('native', ['a' => 1]);
var_dump($own->read('native'), $ini->read('native'));
var_dump((new Rustdb\SessionHandler(['store' => "embedded://$directory"]))->read('same'));
$elsewhere = php('echo (new Rustdb\SessionHandler(["store" => ' . var_export("embedded://$directory", true) . ']))->read("same");');
var_dump($elsewhere);
// What is not named is as in php.ini, the store above all.
var_dump((new Rustdb\SessionHandler(['lifetime' => 7200]))->read('same'));
buffer_remove($directory);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
string(0) ""
bool(true)
string(3) "own"
string(3) "ini"
string(0) ""
string(6) "a|i:1;"
string(3) "own"
string(3) "own"
string(3) "ini"
