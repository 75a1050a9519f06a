--TEST--
A process with another rustdb.buffer_size shares the buffer that is there
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-second-process-with-another-buffer-size
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('shared', ['a' => 1]);
$size = rustdb_status()['buffer']['size'];
echo session_elsewhere('shared', ['rustdb.buffer_size' => '4M']), "\n";
echo session_elsewhere('shared', ['rustdb.buffer_size' => '256M']), "\n";
put('shared', ['a' => 2]);
echo session_elsewhere('shared'), "\n";
var_dump(rustdb_status()['buffer']['size'] === $size);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}
{"a":1}
{"a":2}
bool(true)
