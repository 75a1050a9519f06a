--TEST--
Ids that were replaced one after the other lead to the last one
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-several-times
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', ['a' => 1]);
session_id('before');
session_start();
$ids = ['before'];
for ($i = 0; $i < 3; $i++) {
    session_regenerate_id(true);
    $ids[] = session_id();
}
session_write_close();
// One more, by the oldest of them.
session_id('before');
session_start();
session_regenerate_id(true);
$_SESSION['b'] = 2;
$ids[] = session_id();
session_write_close();
foreach ($ids as $id) {
    echo session_elsewhere($id), "\n";
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"a":1,"b":2}
{"a":1,"b":2}
{"a":1,"b":2}
{"a":1,"b":2}
{"a":1,"b":2}
