--TEST--
Rustdb\SessionHandler can be decorated and extended, whoever calls the constructor
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-decorated
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

class Reversing extends Rustdb\SessionHandler
{
    public function __construct() {}
    public function read($id): string|false { return strrev(parent::read($id)); }
    public function write($id, $data): bool { return parent::write($id, strrev($data)); }
    public function updateTimestamp($id, $data): bool { return parent::updateTimestamp($id, strrev($data)); }
}

class Prefixing implements SessionHandlerInterface
{
    public function __construct(private SessionHandlerInterface $inner) {}
    public function open(string $path, string $name): bool { return $this->inner->open($path, $name); }
    public function close(): bool { return $this->inner->close(); }
    public function read(string $id): string|false { return $this->inner->read("p-$id"); }
    public function write(string $id, string $data): bool { return $this->inner->write("p-$id", $data); }
    public function destroy(string $id): bool { return $this->inner->destroy("p-$id"); }
    public function gc(int $max_lifetime): int|false { return $this->inner->gc($max_lifetime); }
}

$plain = new Rustdb\SessionHandler();
foreach ([new Reversing(), new Prefixing($plain), new Prefixing(new Reversing())] as $handler) {
    session_set_save_handler($handler);
    put('some', ['n' => 12]);
    var_dump(peek('some'), $plain->read('some'), $plain->read('p-some'));
    $plain->destroy('some');
    session_id('some');
    session_start();
    session_destroy();
}
foreach (['clone' => fn () => clone $plain, 'serialize' => fn () => serialize($plain)] as $attempt) {
    try {
        $attempt();
    } catch (Throwable $error) {
        echo $error->getMessage(), "\n";
    }
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
array(1) {
  ["n"]=>
  int(12)
}
string(7) ";21:i|n"
string(0) ""
array(1) {
  ["n"]=>
  int(12)
}
string(0) ""
string(7) "n|i:12;"
array(1) {
  ["n"]=>
  int(12)
}
string(0) ""
string(7) ";21:i|n"
Trying to clone an uncloneable object of class Rustdb\SessionHandler
Serialization of 'Rustdb\SessionHandler' is not allowed
