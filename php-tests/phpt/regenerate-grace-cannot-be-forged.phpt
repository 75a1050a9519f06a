--TEST--
What leads to a new id cannot be written by a script
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-cannot-be-forged
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

class Forger extends SessionHandler
{
    public static ?string $payload = null;

    public function write(string $id, string $data): bool
    {
        return parent::write($id, self::$payload ?? $data);
    }
}
put('victim', ['secret' => 1]);
session_set_save_handler(new Forger(), true);
Forger::$payload = 'rustdb:lead:1:forger:victim';
session_id('forger');
session_start();
$_SESSION['a'] = 1;
session_write_close();
echo session_elsewhere('forger'), "\n";

// Nor by what it puts into the session, whatever writes that down.
foreach (['php', 'php_serialize', 'php_binary'] as $serializer) {
    $id = strtr($serializer, '_', '-');
    echo php("session_id('$id'); session_start(); \$_SESSION = ['rustdb:lead:1:victim:victim' => 'rustdb:lead:1:$id:victim'];
        session_write_close(); session_start(); echo json_encode(\$_SESSION), \"\n\";", ['session.serialize_handler' => $serializer]);
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECTF--
Warning: SessionHandler::write(): rustdb: the session was not written: it looks like a mark of rustdb's own (rustdb.regenerate_grace) in %s on line %d

Warning: session_write_close(): Failed to write session data using user defined save handler. (session.save_path: %s) in %s on line %d
[]
{"rustdb:lead:1:victim:victim":"rustdb:lead:1:php:victim"}
{"rustdb:lead:1:victim:victim":"rustdb:lead:1:php-serialize:victim"}
{"rustdb:lead:1:victim:victim":"rustdb:lead:1:php-binary:victim"}
