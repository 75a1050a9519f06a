--TEST--
The lifetime that a handler was built with is that of its sessions
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-lifetime
rustdb.takeover="*"
error_log=/dev/null
session.gc_probability=0
rustdb.touch_interval=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

require __DIR__ . '/illuminate.inc';

// Says whether a session that was opened with a lifetime of a second is still there two seconds later.
function lives(object $handler): string
{
    static $n = 0;
    ini_set('session.gc_maxlifetime', 1);
    session_set_save_handler($handler);
    put('id-' . ++$n, ['n' => $n]);
    return "id-$n";
}
$ids = [
    'file' => lives(new Illuminate\Session\FileSessionHandler(120)),
    'text' => lives(new Illuminate\Session\FileSessionHandler(' 120')),
    'fraction' => lives(new Illuminate\Session\FileSessionHandler(1.5)),
    'private' => lives(new Illuminate\Session\Extended(30)),
    'wrapped' => lives(new App\Adaptor(new App\Adaptor(new Illuminate\Session\DatabaseSessionHandler(30)))),
    'without' => lives(new App\Handler()),
    'zero' => lives(new Illuminate\Session\FileSessionHandler(0)),
    'nonsense' => lives(new Illuminate\Session\FileSessionHandler('soon')),
    'null' => lives(new Illuminate\Session\FileSessionHandler(null)),
];
session_set_save_handler(new App\Handler());
$late = microtime(true) + 2.1;
wait_until(fn () => microtime(true) > $late);
foreach ($ids as $name => $id) {
    echo $name, peek($id) === null ? ' has ended' : ' lives', "\n";
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
file lives
text lives
fraction lives
private lives
wrapped lives
without has ended
zero has ended
nonsense has ended
null has ended
