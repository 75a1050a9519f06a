--TEST--
A session keeps its user under its new id, and the id that leads there for a while is not listed
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-user-sessions-regenerated
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('old', ['account' => ['current_user_id' => 7]]);
session_id('old');
session_start();
session_regenerate_id(true);
$new = session_id();
var_dump(array_column(rustdb_user_sessions(7), 'id') === [$new]);
session_write_close();
var_dump(array_column(rustdb_user_sessions(7), 'id') === [$new], session_elsewhere('old'));
var_dump(rustdb_end_user_sessions(7), session_elsewhere('old'), session_elsewhere($new));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
string(33) "{"account":{"current_user_id":7}}"
int(1)
string(2) "[]"
string(2) "[]"
