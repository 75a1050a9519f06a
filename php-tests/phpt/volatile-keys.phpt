--TEST--
A change of nothing but a clock is not written before the expiry has to move, in any format that rustdb reads
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-volatile-keys
rustdb.touch_interval=3600
session.gc_maxlifetime=100000
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

// A request of a visitor who is logged in at a ProcessWire site, at this time; returns what was written.
function visit(int $time, int $basket = 0, string $format = 'php'): string
{
    $id = strtr($format, '_', '-');
    return php("session_id('$id'); session_start();"
        . "\$_SESSION['Session']['_user'] = ['id' => 41, 'ts' => $time]; \$_SESSION['basket'] = $basket;"
        . 'session_write_close(); echo rustdb_status()["request"]["write"];', ['session.serialize_handler' => $format]);
}

foreach (['php', 'php_serialize', 'php_binary'] as $format) {
    echo "$format: ", visit(1, 0, $format), ' ', visit(2, 0, $format), ' ', visit(3, 1, $format), ' ', visit(4, 1, $format), "\n";
}
echo session_elsewhere('php'), "\n";
// Where every change counts, and for another serializer, it is written.
echo php('session_id("php"); session_start(); $_SESSION["Session"]["_user"]["ts"] = 5; session_write_close();
    echo rustdb_status()["request"]["write"];', ['rustdb.volatile_keys' => '']), "\n";
// So it is when the expiry has to move.
$ini = ['rustdb.touch_interval' => '0'];
$clock = 'session_id("clock"); session_start(); $_SESSION["_sf2_meta"]["u"] = hrtime(true); session_write_close();
    echo rustdb_status()["request"]["write"];';
echo php($clock, $ini), ' ';
$second = time();
while (time() === $second) {
    usleep(10_000);
}
echo php($clock, $ini), "\n";
// A second change in one request is compared with what the first one wrote.
echo php('session_id("twice"); session_start(); $_SESSION = ["_sf2_meta" => ["u" => 1], "x" => 1]; session_write_close();
    session_start(); $_SESSION["x"] = 2; session_write_close(); session_start(); $_SESSION["_sf2_meta"]["u"] = 2; session_write_close();
    session_start(); echo json_encode($_SESSION);'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
php: write none write none
php_serialize: write none write none
php_binary: write none write none
{"Session":{"_user":{"id":41,"ts":3}},"basket":1}
write
write write
{"_sf2_meta":{"u":1},"x":2}
