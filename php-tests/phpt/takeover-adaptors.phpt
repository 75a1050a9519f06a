--TEST--
An object with a property that holds a listed handler counts as one
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-adaptors
rustdb.takeover=App\Functions
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

$handler = new App\Functions();
$anonymous = new class($handler) extends App\Adaptor {
    public function __construct(private object $own) { parent::__construct($own); }
};
$dynamic = new #[AllowDynamicProperties] class implements SessionHandlerInterface { use App\InMemory; };
$dynamic->added = $handler;
$referring = new class implements SessionHandlerInterface { use App\InMemory; public mixed $inner = null; public object $never_set; };
$referring->inner = &$handler;
foreach ([new App\Adaptor($handler), $anonymous, $dynamic, $referring, new App\Adaptor(new App\Adaptor(new App\Adaptor($handler)))] as $object) {
    echo App\register($object), "\n";
}
$circle = new class implements SessionHandlerInterface { use App\InMemory; public ?object $self = null; };
$circle->self = $circle;
echo 'not listed: ', App\register($circle), "\n";
echo 'not listed: ', App\register(new App\Adaptor(new App\Other())), "\n";
var_dump($handler->calls);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
true, kept by rustdb, rustdb rustdb
not listed: true, kept by the application, user user
not listed: true, kept by the application, user user
array(0) {
}
