--TEST--
The flag of the registration is converted, or refused, as PHP does it
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-strict-types
rustdb.takeover=App\Handler
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

$handler = new App\Handler();
var_dump(session_set_save_handler($handler, 0), session_set_save_handler($handler, 'yes'), @session_set_save_handler($handler, null));
file_put_contents(store_dir() . '/strict.php', '<?php declare(strict_types=1); try { session_set_save_handler($handler, 1); } catch (TypeError $error) { echo $error->getMessage(); }');
include store_dir() . '/strict.php';
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECTF--
bool(true)
bool(true)
bool(true)
session_set_save_handler(): Argument #2 (%s) must be of type bool, int given
