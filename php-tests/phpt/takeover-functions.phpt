--TEST--
Six or more functions whose object is of a listed class are taken over
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-functions
rustdb.takeover=App\Functions
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

error_reporting(E_ALL & ~E_DEPRECATED);
class Fixed { public static function __callStatic($name, $arguments) { return true; } }
$handler = new App\Functions();
$methods = App\methods($handler);
echo App\register(...$methods), "\n";
echo App\register(...array_map(Closure::fromCallable(...), $methods)), "\n";
echo App\register(...$methods, ...['session_create_id', fn () => true, fn () => true]), "\n";
echo App\register(...App\methods(new App\Adaptor($handler))), "\n";
echo 'not listed: ', App\register(...App\methods(new App\Other())), "\n";
$mixed = $methods;
$mixed[2] = fn () => '';
echo 'its reading is somebody else\'s: ', session_set_save_handler(...$mixed), session_module_name(), "\n";
echo App\register(...$methods), "\n";
foreach ([5 => [...array_slice($methods, 0, 5), [$handler, 'nothing']], 0 => [[$handler, 'nothing'], ...array_slice($methods, 1)]] as $wrong) {
    try {
        session_set_save_handler(...$wrong);
    } catch (TypeError $error) {
        echo $error->getMessage(), "\n";
    }
}
try {
    session_set_save_handler(...array_slice($methods, 0, 4));
} catch (Error $error) {
    echo $error->getMessage(), "\n";
}
var_dump(session_module_name(), $handler->calls);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECTF--
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
not listed: true, kept by the application, user user
its reading is somebody else's: 1user
true, kept by rustdb, rustdb rustdb
session_set_save_handler(): Argument #6 ($gc) must be a valid callback, %snothing%s
session_set_save_handler(): Argument #1 ($open) must be a valid callback, %snothing%s
%ssession_set_save_handler()%S
string(6) "rustdb"
array(0) {
}
