--TEST--
The flag of the registration decides when the session is written at the end, as in PHP
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-writes-at-shutdown
rustdb.takeover=App\Handler
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

$code = 'require ' . var_export(__DIR__ . '/handlers.inc', true) . ';
    class Last { function __destruct() { echo session_status() === PHP_SESSION_ACTIVE ? "open" : "written", "\n"; } }
    %s
    register_shutdown_function(function () { echo session_status() === PHP_SESSION_ACTIVE ? "open, " : "written, "; $_SESSION["late"] = 1; });
    $last = new Last();
    session_id("end"); session_start();';
foreach (['App\Handler', 'App\Other'] as $class) {
    foreach (['session_set_save_handler(new %s);', 'session_set_save_handler(new %s, true);', 'session_set_save_handler(new %s, false);',
        'session_set_save_handler(new %1$s, true); session_set_save_handler(new %1$s, false);',
        '@session_set_save_handler(...App\methods(new %s));'] as $register) {
        echo "$class: ", php(sprintf($code, sprintf($register, $class)));
    }
}
echo session_elsewhere('end'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
App\Handler: open, written
App\Handler: open, written
App\Handler: open, open
App\Handler: open, open
App\Handler: open, open
App\Other: open, written
App\Other: open, written
App\Other: open, open
App\Other: open, open
App\Other: open, open
{"late":1}
