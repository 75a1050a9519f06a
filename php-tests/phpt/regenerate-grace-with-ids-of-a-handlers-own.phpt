--TEST--
rustdb.regenerate_grace with a handler that makes its ids itself
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-regenerate-grace-with-ids-of-a-handlers-own
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

class Numbers extends SessionHandler
{
    public static array $ids = ['one', 'two', 'taken'];

    public function create_sid(): string
    {
        return array_shift(self::$ids);
    }
}
put('taken', ['t' => 1]);
session_set_save_handler(new Numbers(), true);
session_id('');
session_start();
$_SESSION['a'] = 1;
session_write_close();
session_start();
session_regenerate_id(true);
$_SESSION['b'] = 2;
var_dump(session_id());
session_write_close();
echo session_elsewhere('one'), "\n", session_elsewhere('two'), "\n";

// An id that has a session already is no new id.
session_start();
session_regenerate_id(true);
var_dump(session_id());
session_abort();
echo session_elsewhere('one'), "\n", session_elsewhere('two'), "\n", session_elsewhere('taken'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(3) "two"
{"a":1,"b":2}
{"a":1,"b":2}
string(5) "taken"
[]
[]
{"t":1}
