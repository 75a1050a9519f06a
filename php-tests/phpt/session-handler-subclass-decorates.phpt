--TEST--
A subclass of SessionHandler can change the data on its way to the store
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-handler-subclass-decorates
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

class Rot13 extends SessionHandler
{
    public function read(string $id): string|false
    {
        return str_rot13(parent::read($id));
    }

    public function write(string $id, string $data): bool
    {
        return parent::write($id, str_rot13($data));
    }
}
session_set_save_handler(new Rot13(), true);
put('secret', ['word' => 'hello']);
var_dump(peek('secret'));
echo php('$h = new SessionHandler(); session_set_save_handler($h); session_id("other"); session_start();
    echo $h->read("secret"); session_abort();'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
array(1) {
  ["word"]=>
  string(5) "hello"
}
jbeq|f:5:"uryyb";
