--TEST--
An id that begins with another session's id is a different session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-id-that-begins-with-another
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('abcd', ['a' => 1]);
put('abcde', ['a' => 2]);
put('abc', ['a' => 3]);
echo session_elsewhere('abcd'), session_elsewhere('abcde'), session_elsewhere('abc'), "\n";
session_id('abc');
session_start();
session_destroy();
echo session_elsewhere('abcd'), session_elsewhere('abcde'), session_elsewhere('abc'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1}{"a":2}{"a":3}
{"a":1}{"a":2}[]
