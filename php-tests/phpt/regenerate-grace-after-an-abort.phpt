--TEST--
With rustdb.regenerate_grace a script that dies after session_regenerate_id(true) loses no session
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-after-an-abort
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

// Killed, given up, or ended by an exception, with which PHP writes the session.
foreach (['fwrite(STDERR, "open"); fgets(STDIN);', 'session_abort();', 'throw new Exception();'] as $n => $end) {
    put("before$n", ['a' => 1]);
    $php = php_start("session_id('before$n'); session_start(); session_regenerate_id(true); \$_SESSION['b'] = 2; $end",
        ['display_errors' => '0']);
    if ($n === 0) {
        var_dump(fread($php->out, 4));
        proc_terminate($php->process, 9);
    }
    php_wait($php);
    echo session_elsewhere("before$n"), "\n";
    var_dump(lock_is_free("before$n"));
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(4) "open"
{"a":1}
bool(true)
{"a":1}
bool(true)
{"a":1,"b":2}
bool(true)
