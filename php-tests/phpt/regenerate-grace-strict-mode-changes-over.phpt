--TEST--
With rustdb.regenerate_grace strict mode gives the old id's visitor the new id
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-strict-mode-changes-over
rustdb.regenerate_grace=60
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('before', []);
$first = session_id();
session_id($first);
session_start();
$_SESSION['a'] = 1;
session_regenerate_id(true);
$new = session_id();
session_write_close();

foreach (['', '["read_and_close" => true]'] as $options) {
    echo php("session_id('$first'); session_start($options);
        var_dump(session_id() === '$new', \$_SESSION); session_abort();");
}
var_dump(lock_is_free($first), lock_is_free($new));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
array(1) {
  ["a"]=>
  int(1)
}
bool(true)
array(1) {
  ["a"]=>
  int(1)
}
bool(true)
bool(true)
