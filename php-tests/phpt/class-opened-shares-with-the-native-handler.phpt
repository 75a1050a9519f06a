--TEST--
An opened Rustdb\SessionHandler keeps the lock until it is closed, also when PHP's own session had it meanwhile
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-opened-shares-with-the-native-handler
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

function native(string $id, int $value): void
{
    session_id($id);
    session_start();
    $_SESSION['a'] = $value;
}

$handler = new Rustdb\SessionHandler();
echo "the object has it first\n";
$handler->open('', '');
$handler->read('one');
native('one', 1);
session_write_close();
var_dump(lock_is_free('one'), $handler->read('one'));
native('one', 3);
session_destroy();
var_dump(lock_is_free('one'), $handler->read('one'), $handler->write('one', 'a|i:4;'));
$handler->close();
var_dump(lock_is_free('one'), peek('one'));

echo "PHP has it first\n";
native('two', 1);
$handler->open('', '');
$handler->read('two');
session_write_close();
var_dump(lock_is_free('two'), $handler->read('two'));
$handler->close();
var_dump(lock_is_free('two'));

echo "closed before PHP's own, opened again, or gone\n";
native('three', 1);
$handler->open('', '');
$handler->read('three');
$handler->close();
$handler->open('', '');
session_write_close();
var_dump(lock_is_free('three'));
$handler->read('three');
native('three', 2);
unset($handler);
var_dump(lock_is_free('three'));
$again = new Rustdb\SessionHandler();
$again->open('', '');
session_write_close();
var_dump(lock_is_free('three'));

echo "several objects\n";
$other = new Rustdb\SessionHandler();
$other->open('', '');
$again->read('four');
$other->read('four');
$again->read('four');
$again->close();
var_dump(lock_is_free('four'));
$other->close();
var_dump(lock_is_free('four'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
the object has it first
bool(false)
string(6) "a|i:1;"
bool(false)
string(0) ""
bool(true)
bool(true)
array(1) {
  ["a"]=>
  int(4)
}
PHP has it first
bool(false)
string(6) "a|i:1;"
bool(true)
closed before PHP's own, opened again, or gone
bool(true)
bool(false)
bool(true)
several objects
bool(false)
bool(true)
