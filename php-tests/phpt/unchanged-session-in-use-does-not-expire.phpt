--TEST--
A session that is opened again and again without a change outlives its lifetime
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-unchanged-session-in-use-does-not-expire
session.lazy_write=1
rustdb.lifetime=3
session.gc_probability=0
rustdb.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

// A pause of this process as long as the lifetime would end the session rightly, and says nothing: then it is tried again.
function outlives_its_lifetime(string $id): ?bool
{
    put($id, ['a' => 1]);
    $begin = $last = microtime(true);
    while (microtime(true) - $begin < 6.5) {
        usleep(100_000);
        session_start();
        $there = isset($_SESSION['a']);
        session_write_close();
        $pause = microtime(true) - $last;
        $last = microtime(true);
        if ($pause > 1.5) {
            return null;
        }
        if (!$there) {
            return false;
        }
    }
    return true;
}

for ($try = 0; $try < 5 && null === $result = outlives_its_lifetime("busy-$try"); $try++);
var_dump($result);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
