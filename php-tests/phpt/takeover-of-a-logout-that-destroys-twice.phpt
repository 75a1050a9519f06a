--TEST--
A log out that destroys the session, starts an empty one and destroys it again leaves nothing, as ProcessWire's
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-of-a-logout-that-destroys-twice
rustdb.takeover=App\Functions
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

$handler = new App\Functions();
$adaptor = new App\Adaptor($handler);
session_set_save_handler($adaptor);
put('user', ['Session' => ['_user' => ['id' => 41, 'ts' => 1], 'bulk' => str_repeat('0123456789', 1300)]]);
session_set_save_handler($adaptor);
session_id('user');
session_start();
var_dump($_SESSION['Session']['_user']['id'], strlen(session_encode()) > 13000);
$_SESSION = [];
var_dump(session_destroy());
session_id('user');
session_start();
var_dump($_SESSION, session_destroy());
session_id('user');
session_start();
var_dump($_SESSION);
$_SESSION['Session'] = ['_user' => ['id' => 40]];
session_write_close();
var_dump(session_elsewhere('user'), $handler->calls);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
int(41)
bool(true)
bool(true)
array(0) {
}
bool(true)
array(0) {
}
string(31) "{"Session":{"_user":{"id":40}}}"
array(0) {
}
