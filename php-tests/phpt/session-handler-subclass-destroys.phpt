--TEST--
destroy and gc of a subclass of SessionHandler reach the store
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-session-handler-subclass-destroys
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

class Counting extends SessionHandler
{
    public array $calls = [];

    public function destroy(string $id): bool
    {
        $this->calls[] = 'destroy';
        return parent::destroy($id);
    }

    public function gc(int $max_lifetime): int|false
    {
        $this->calls[] = 'gc';
        return parent::gc($max_lifetime);
    }
}
$handler = new Counting();
session_set_save_handler($handler, true);
put('doomed', ['a' => 1]);
session_id('doomed');
session_start();
var_dump(session_gc(), session_destroy(), implode(' ', $handler->calls));
echo session_elsewhere('doomed'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
int(0)
bool(true)
string(10) "gc destroy"
[]
