--TEST--
Ids that differ in case only are different sessions
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-is-case-sensitive
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('abc', ['case' => 'lower']);
put('ABC', ['case' => 'upper']);
put('aBC', ['case' => 'mixed']);
echo session_elsewhere('abc'), session_elsewhere('ABC'), session_elsewhere('aBC'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"case":"lower"}{"case":"upper"}{"case":"mixed"}
