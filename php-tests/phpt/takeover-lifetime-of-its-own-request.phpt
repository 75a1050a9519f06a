--TEST--
A lifetime counts for the handler that brought it, and the setting overrides it
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-lifetime-of-its-own-request
rustdb.takeover="*"
error_log=/dev/null
session.gc_probability=0
rustdb.touch_interval=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

require __DIR__ . '/illuminate.inc';
ini_set('session.gc_maxlifetime', 1);
session_set_save_handler(new Illuminate\Session\FileSessionHandler(60));
session_set_save_handler(new App\Handler());
put('later', ['a' => 1]);
$code = 'require ' . var_export(__DIR__ . '/handlers.inc', true) . '; require ' . var_export(__DIR__ . '/illuminate.inc', true) . ';
    session_set_save_handler(new Illuminate\Session\FileSessionHandler(60)); session_id("overridden"); session_start(); $_SESSION["a"] = 1;';
echo php($code, ['rustdb.lifetime' => 1]);
session_set_save_handler(new Illuminate\Session\FileSessionHandler(60));
session_id('refused');
session_start();
$_SESSION['a'] = 1;
var_dump(@session_set_save_handler(new App\Handler()));
session_write_close();
var_dump(session_elsewhere('overridden'));
var_dump(wait_until(fn () => peek('later') === null && peek('overridden') === null, 5), peek('refused'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
string(7) "{"a":1}"
bool(true)
array(1) {
  ["a"]=>
  int(1)
}
