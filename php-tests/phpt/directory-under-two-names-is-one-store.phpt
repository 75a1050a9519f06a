--TEST--
A store reached by its path and by one's own symbolic link is one store with one buffer and one lock
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-directory-under-two-names-is-one-store
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

mkdir(store_dir() . '/real', 0700);
symlink(store_dir() . '/real', store_dir() . '/link');
$real = ['rustdb.store' => 'embedded://' . store_dir() . '/real'];
$link = ['rustdb.store' => 'embedded://' . store_dir() . '/link'];
for ($i = 1; $i <= 4; $i++) {
    php('session_id("one"); session_start(); $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1;', $i % 2 ? $real : $link);
}
echo session_elsewhere('one', $real), session_elsewhere('one', $link), "\n";
$holder = php_start('session_id("one"); session_start(); fwrite(STDERR, "open"); stream_get_contents(STDIN);', $real);
var_dump(fread($holder->out, 4));
var_dump(lock_is_free('one', $link));
php_wait($holder);
buffer_remove(store_dir() . '/real');
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"n":4}{"n":4}
string(4) "open"
bool(false)
