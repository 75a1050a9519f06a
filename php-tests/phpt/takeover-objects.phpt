--TEST--
A listed handler is answered with true, and rustdb stays the handler
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-objects
rustdb.takeover="\\App\HANDLER , App\Marked, Nobody\\Has\\This"
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

echo App\register(new App\Handler()), "\n";
echo App\register(new App\Derived()), "\n";
echo App\register(new App\Implementing()), "\n";
echo App\register(new class extends App\Derived {}), "\n";
echo App\register(new App\Handler(), false), "\n";
echo "not listed: ", App\register($other = new App\Other()), "\n";
echo implode(' ', $other->calls), "\n";
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
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
not listed: true, kept by the application, user user
open read write close
