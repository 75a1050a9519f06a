--TEST--
With * every handler is taken over but rustdb's own class
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-all
rustdb.takeover="*"
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

error_reporting(E_ALL & ~E_DEPRECATED);
function noop() { return true; }
class Own extends Rustdb\SessionHandler {}
echo App\register(new App\Other()), "\n";
echo App\register(...App\methods(new App\Functions())), "\n";
echo App\register(new SessionHandler()), "\n";
var_dump(session_set_save_handler(...array_fill(0, 6, 'noop')), session_module_name());
var_dump(session_set_save_handler(new Own()), session_module_name());
var_dump(session_set_save_handler(new App\Adaptor(new Own())), session_module_name());
var_dump(ini_set('session.save_handler', 'files'), session_module_name());
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
bool(true)
string(6) "rustdb"
bool(true)
string(4) "user"
bool(true)
string(4) "user"
string(4) "user"
string(6) "rustdb"
