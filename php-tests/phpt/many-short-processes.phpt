--TEST--
A hundred short processes in a row lose nothing and end cleanly
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-many-short-processes
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

for ($i = 0; $i < 100; $i++) {
    $process = php_start('session_id("counter"); session_start(); $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1; echo "ended";');
    if (stream_get_contents($process->out) !== 'ended' || proc_close($process->process) !== 0) {
        echo "run $i failed\n";
    }
}
echo session_elsewhere('counter'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"n":100}
