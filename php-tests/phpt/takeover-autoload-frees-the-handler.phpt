--TEST--
A class that is loaded while functions are checked may free their handler
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-autoload-frees-the-handler
rustdb.takeover=App\Functions
error_log=/dev/null
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

// The third and the fourth function refer to $handler, which the last one's class replaces when it is loaded.
function register(object $replacement): string
{
    static $loaded = 0;
    $class = 'Loaded' . $loaded++;
    $handler = new App\Functions();
    $functions = array_fill(0, 6, 'time');
    $functions[2] = [&$handler, 'read'];
    $functions[3] = [&$handler, 'write'];
    $functions[5] = [$class, 'collect'];
    $load = function () use (&$handler, $replacement, $class) {
        $handler = $replacement;
        // In the memory that was freed.
        $GLOBALS['elsewhere'] = array_map(fn () => str_repeat('x', 60), range(1, 20));
        eval("class $class { static function collect() {} }");
    };
    spl_autoload_register($load);
    error_reporting(E_ALL & ~E_DEPRECATED);
    session_set_save_handler(...$functions);
    spl_autoload_unregister($load);
    return session_module_name();
}
// Only handlers that are there in the end count.
var_dump(register(new App\Functions()), register(new App\Other()));

// What loading throws is thrown once, as by PHP.
spl_autoload_register(fn ($class) => throw new Exception("no $class"));
ini_set('session.save_handler', 'rustdb');
$functions = App\methods(new App\Functions());
$functions[5] = 'Missing::collect';
try {
    session_set_save_handler(...$functions);
} catch (Exception $error) {
    var_dump($error->getMessage(), $error->getPrevious());
}
var_dump(session_module_name());
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(6) "rustdb"
string(4) "user"
string(10) "no Missing"
NULL
string(6) "rustdb"
