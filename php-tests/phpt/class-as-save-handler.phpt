--TEST--
Rustdb\SessionHandler works through session_set_save_handler() as the native handler does
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-as-save-handler
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

var_dump(session_set_save_handler(new Rustdb\SessionHandler(), true), session_module_name());
put('visitor', ['n' => 1]);
session_id('visitor');
session_start();
$_SESSION['n'] = 2;
session_reset();
var_dump($_SESSION['n']);
$_SESSION['n'] = 3;
session_abort();
session_start();
var_dump($_SESSION['n']);
var_dump(session_regenerate_id(true), $_SESSION['n'], session_id() !== 'visitor');
$new = session_id();
session_write_close();
var_dump(peek('visitor'), session_elsewhere($new));
session_id($new);
session_start();
var_dump(session_regenerate_id(false), session_elsewhere($new));
$_SESSION['n'] = 4;
$newer = session_id();
var_dump(session_destroy(), session_elsewhere($newer), session_id($newer), session_start(), $_SESSION, session_id() === $newer);
session_write_close();
ini_set('session.use_strict_mode', 1);
session_id('made-up');
session_start();
var_dump(session_id() !== 'made-up', session_create_id('p-') !== false, session_gc());
$_SESSION['strict'] = 1;
$strict = session_id();
session_write_close();
session_id($strict);
session_start(['read_and_close' => true]);
var_dump($_SESSION, session_id() === $strict, lock_is_free($strict));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
string(4) "user"
int(1)
int(1)
bool(true)
int(1)
bool(true)
NULL
string(7) "{"n":1}"
bool(true)
string(7) "{"n":1}"
bool(true)
string(2) "[]"
string(0) ""
bool(true)
array(0) {
}
bool(true)
bool(true)
bool(true)
int(0)
array(1) {
  ["strict"]=>
  int(1)
}
bool(true)
bool(true)
