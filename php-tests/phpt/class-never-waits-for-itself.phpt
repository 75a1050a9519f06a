--TEST--
Nobody waits for a session that the same request has in use
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-never-waits-for-itself
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$begun = microtime(true);
put('mine', ['a' => 1]);
session_id('mine');
session_start();
$_SESSION['a'] = 2;

echo "the native handler has it\n";
$one = new Rustdb\SessionHandler();
var_dump($one->read('mine'), $one->write('mine', 'a|i:5;'), $one->read('mine'), $one->validateId('mine'), lock_is_free('mine'));
session_write_close();
var_dump(peek('mine'), lock_is_free('mine'));

echo "an object has it\n";
$two = new Rustdb\SessionHandler();
$two->open('', '');
var_dump($one->read('mine'), $two->read('mine'), $one->read('mine'), $two->write('mine', 'a|i:6;'), $one->read('mine'));
var_dump(lock_is_free('mine'));
$two->close();
var_dump(lock_is_free('mine'));

echo "the native handler comes after an object\n";
$one->read('mine');
session_id('mine');
session_start();
var_dump($_SESSION);
$_SESSION['a'] = 7;
session_write_close();
var_dump($one->read('mine'), $one->destroy('mine'), peek('mine'));
$one->read('mine');
session_id('mine');
session_start(['use_strict_mode' => 1]);
var_dump(session_id() === 'mine');
session_abort();
$own = new Rustdb\SessionHandler(['lock_wait' => 3]);
var_dump($one->read('mine'), $own->read('mine'), microtime(true) - $begun < 20);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
the native handler has it
string(6) "a|i:1;"
bool(true)
string(6) "a|i:5;"
bool(true)
bool(false)
array(1) {
  ["a"]=>
  int(2)
}
bool(true)
an object has it
string(6) "a|i:2;"
string(6) "a|i:2;"
string(6) "a|i:2;"
bool(true)
string(6) "a|i:6;"
bool(false)
bool(true)
the native handler comes after an object
array(1) {
  ["a"]=>
  int(6)
}
string(6) "a|i:7;"
bool(true)
NULL
bool(false)
string(0) ""
string(0) ""
bool(true)
