--TEST--
exit() inside a method of a SessionHandler subclass frees the lock and breaks nothing
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-exit-inside-a-handler-method
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('half', ['a' => 1]);
$class = 'class Leaving extends SessionHandler {
        public function read(string $id): string|false { $data = parent::read($id); if ($GLOBALS["leave"] === "read") { exit; } return $data; }
        public function write(string $id, string $data): bool { if ($GLOBALS["leave"] === "write") { exit; } return parent::write($id, $data); }
    }
    session_set_save_handler(new Leaving(), false); session_id("half"); session_start(); $_SESSION["a"] = 2; session_write_close();';
foreach (['read', 'write'] as $leave) {
    var_dump(php("\$leave = '$leave'; $class"));
    var_dump(lock_is_free('half'));
}
echo session_elsewhere('half'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(0) ""
bool(true)
string(0) ""
bool(true)
{"a":1}
