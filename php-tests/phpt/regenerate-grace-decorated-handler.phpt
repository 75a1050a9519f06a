--TEST--
rustdb.regenerate_grace under a subclass of SessionHandler
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-decorated-handler
rustdb.regenerate_grace=60
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

class Shout extends SessionHandler
{
    public function read(string $id): string|false
    {
        return strrev(parent::read($id));
    }

    public function write(string $id, string $data): bool
    {
        return parent::write($id, strrev($data));
    }
}
session_set_save_handler(new Shout(), true);
put('before', ['a' => 1]);
session_id('before');
session_start();
session_regenerate_id(true);
$_SESSION['b'] = 2;
$new = session_id();
session_write_close();
echo json_encode([peek('before'), peek($new)]), "\n";
session_id('before');
session_start();
$_SESSION['c'] = 3;
session_write_close();
echo json_encode(peek($new)), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
[{"a":1,"b":2},{"a":1,"b":2}]
{"a":1,"b":2,"c":3}
