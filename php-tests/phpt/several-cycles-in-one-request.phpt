--TEST--
One session can be started and closed many times in one request
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-several-cycles-in-one-request
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_id('again');
for ($i = 0; $i < 50; $i++) {
    session_start();
    $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
    session_write_close();
}
echo session_elsewhere('again'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"n":50}
