--TEST--
An error handler that throws at a warning of ours leaves a working extension behind
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-error-handler-throws
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

set_error_handler(function (int $type, string $message) {
    throw new ErrorException($message);
});
for ($i = 0; $i < 3; $i++) {
    session_id('not_a_valid_id');
    try {
        session_start();
        echo "started\n";
    } catch (ErrorException $e) {
        echo "thrown\n";
    }
}
restore_error_handler();
put('fine', ['a' => 1]);
echo session_elsewhere('fine'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
thrown
thrown
thrown
{"a":1}
