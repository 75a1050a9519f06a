--TEST--
A wrong or unknown setting of Rustdb\SessionHandler is a ValueError that names it, the value and what is allowed
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-settings-wrong
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$wrong = [['lock' => 'maybe'], ['lock_wait' => -1], ['buffer_size' => '12'], ['multi_host' => 'perhaps'], ['lock' => []], ['lifetime' => null],
    ['locks' => 'none'], ['exclusive'], ['store' => 'sqlite://user:secret@host/db'], ['lock' => "\xff"]];
foreach ($wrong as $settings) {
    try {
        new Rustdb\SessionHandler($settings);
        echo "made\n";
    } catch (ValueError $error) {
        echo strstr($error->getMessage(), 'is not usable: '), "\n";
    }
}
try {
    new Rustdb\SessionHandler('lock=none');
} catch (TypeError $error) {
    echo $error->getMessage(), "\n";
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECTF--
is not usable: rustdb.lock = "maybe" is not allowed; it takes "exclusive" or "none"
is not usable: rustdb.lock_wait = "-1" is not allowed; it takes seconds, from 0 to 3600
is not usable: rustdb.buffer_size = "12" is not allowed; it takes 0 (no buffer) or 1M to 64G
is not usable: rustdb.multi_host = "perhaps" is not allowed; it takes "auto", "on" or "off"
is not usable: rustdb.lock = an array is not allowed; it takes a string, a number or a boolean
is not usable: rustdb.lifetime = null is not allowed; it takes a string, a number or a boolean
is not usable: there is no setting "locks"; there are "store", %s
is not usable: there is no setting "0"; there are "store", %s
is not usable: rustdb.store = "sqlite://***@host/db" is not a store; it takes %s
is not usable: rustdb.lock = a string that is no UTF-8 is not allowed; it takes a string, a number or a boolean
Rustdb\SessionHandler::__construct(): Argument #1 ($settings) must be of type array, string given
