--TEST--
What PHP refuses it refuses in its own words, and changes nothing
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-leaves-refusals-to-php
rustdb.takeover=App\Handler
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

// Functions in place of an object: PHP 8.4 says that it would rather not.
error_reporting(E_ALL & ~E_DEPRECATED);
$handler = new App\Handler();
foreach ([[$handler, []], [$handler, new stdClass()], [new stdClass()], [$handler, true, true], []] as $arguments) {
    try {
        session_set_save_handler(...$arguments);
    } catch (Error $error) {
        echo get_class($error), ': ', preg_replace('/\(\$\w+\)/', '($…)', $error->getMessage()), "\n";
    }
}
session_id('active');
session_start();
var_dump(session_set_save_handler($handler), session_module_name());
session_write_close();
ob_end_flush();
flush();
var_dump(session_set_save_handler($handler), session_module_name());
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECTF--
TypeError: session_set_save_handler(): Argument #2 ($…) must be of type bool, array given
TypeError: session_set_save_handler(): Argument #2 ($…) must be of type bool, stdClass given
TypeError: session_set_save_handler(): Argument #1 ($…) must be of type SessionHandlerInterface, stdClass given
ArgumentCountError: %ssession_set_save_handler()%S
ArgumentCountError: %ssession_set_save_handler()%S

Warning: session_set_save_handler(): Session save handler cannot be changed when a session is active in %s on line %d
bool(false)
string(6) "rustdb"

Warning: session_set_save_handler(): Session save handler cannot be changed after headers have already been sent in %s on line %d
bool(false)
string(6) "rustdb"
