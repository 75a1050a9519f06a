--TEST--
An object's sessions live for its lifetime, or else for session.gc_maxlifetime
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-lifetime
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$short = new Rustdb\SessionHandler(['lifetime' => 1, 'touch_interval' => 0]);
$long = new Rustdb\SessionHandler(['lifetime' => 3600]);
$short->write('short', 'a');
$long->write('long', 'b');
ini_set('session.gc_maxlifetime', 1);
$plain = new Rustdb\SessionHandler();
$plain->write('plain', 'c');
var_dump($short->read('short'), $plain->read('plain'));
$plain->close();
var_dump(wait_until(fn () => $plain->read('short') === '' && $plain->read('plain') === ''), $plain->read('long'));
$plain->close();
// An explicit call collects at once and counts; the lifetime it names is not asked for.
var_dump($plain->gc(1_000_000), $plain->gc(0), $plain->read('long'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(1) "a"
string(1) "c"
bool(true)
string(1) "b"
int(2)
int(0)
string(1) "b"
