--TEST--
SessionHandler::create_sid() on top of rustdb makes ids that strict mode then knows
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-handler-class-makes-ids
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$handler = new SessionHandler();
session_set_save_handler($handler, true);
session_start();
$id = session_id();
$_SESSION['a'] = 1;
var_dump(strlen($id), $handler->create_sid() !== $id);
session_write_close();
echo session_elsewhere($id), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
int(32)
bool(true)
{"a":1}
