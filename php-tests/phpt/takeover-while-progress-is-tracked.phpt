--TEST--
A handler is taken over where PHP lets nobody choose one, because it tracks the progress of uploads
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-while-progress-is-tracked
rustdb.takeover=App\Handler
session.upload_progress.enabled=1
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

echo App\register(new App\Handler()), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
true, kept by rustdb, rustdb rustdb
