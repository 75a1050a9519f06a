--TEST--
A session that others hold for too long is a warning and false, and never an empty session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-lock-wait-runs-out
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('busy', ['a' => 1]);
session_id('busy');
session_start();
echo preg_replace('/ in .*/', '', php('$handler = new Rustdb\SessionHandler(["lock_wait" => 0.2]);
    var_dump($handler->read("busy"), $handler->write("busy", ""), $handler->validateId("busy"));
    session_set_save_handler(new Rustdb\SessionHandler(["lock_wait" => 0.2]));
    ini_set("session.use_strict_mode", 1); session_id("busy"); var_dump(@session_start());', ['error_log' => '/dev/null']));
session_abort();
echo session_elsewhere('busy');
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
Warning: Rustdb\SessionHandler::read(): rustdb: another request has held this session for over 0.2 seconds (rustdb.lock_wait); it runs too long, or should call session_write_close() sooner

Warning: Rustdb\SessionHandler::write(): rustdb: another request has held this session for over 0.2 seconds (rustdb.lock_wait); it runs too long, or should call session_write_close() sooner
bool(false)
bool(false)
bool(true)
bool(false)
{"a":1}
