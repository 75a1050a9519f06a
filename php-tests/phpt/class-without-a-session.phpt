--TEST--
Rustdb\SessionHandler keeps many sessions, in any order, without a session of PHP's
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-without-a-session
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$handler = new Rustdb\SessionHandler();
var_dump($handler->read('missing'), session_status() === PHP_SESSION_NONE);
$ids = array_map(fn ($n) => "id-$n", range(1, 50));
foreach ($ids as $id) {
    var_dump_unless(true, $handler->write($id, "data of $id\0\xff"));
}
shuffle($ids);
foreach ($ids as $id) {
    var_dump_unless("data of $id\0\xff", $handler->read($id));
}
var_dump($handler->destroy('id-7'), $handler->read('id-7'), $handler->destroy('id-7'), $handler->validateId('id-7'), $handler->validateId('id-8'));
var_dump($handler->updateTimestamp('id-8', "data of id-8\0\xff"), $handler->close(), $handler->read('id-8') === "data of id-8\0\xff");
var_dump(preg_match('/^[0-9a-v]{26}$|^[0-9a-f]{32}$/', $handler->create_sid()), $handler->read('../id'));

function var_dump_unless(mixed $expected, mixed $found): void
{
    if ($expected !== $found) {
        var_dump($found);
    }
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECTF--
string(0) ""
bool(true)
bool(true)
string(0) ""
bool(true)
bool(false)
bool(true)
bool(true)
bool(true)
bool(true)

Warning: Rustdb\SessionHandler::read(): rustdb: the session id contains illegal characters; only A-Z, a-z, 0-9, "-" and "," are allowed in %s on line %d
int(1)
bool(false)
