--TEST--
What Laravel writes through the class is found by its user
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-user
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$handler = new Rustdb\SessionHandler();
$handler->open('', '');
$handler->read('laravel');
$handler->write('laravel', serialize(['_token' => 'x', 'login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d' => 7]));
$handler->close();
$other = new Rustdb\SessionHandler();
$other->read('guest');
$other->write('guest', serialize(['_token' => 'y']));
var_dump(array_column(rustdb_user_sessions(7), 'id'), rustdb_end_user_sessions(7), $handler->read('laravel'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
array(1) {
  [0]=>
  string(7) "laravel"
}
int(1)
string(0) ""
