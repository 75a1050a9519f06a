--TEST--
Two processes that read the same two sessions in different order do not wait for each other
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-class-in-different-order
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['one', 'two'] as $id) {
    put($id, ['of' => $id]);
}
session_id('one');
session_start();
$other = php_start('session_id("two"); session_start(); echo "ready\n"; fgets(STDIN);
    echo (new Rustdb\SessionHandler())->read("one"), "\n"; session_write_close();', ['output_buffering' => '0']);
var_dump(fgets($other->out));
fwrite($other->in, "go\n");
var_dump((new Rustdb\SessionHandler())->read('two'));
var_dump(php_wait($other));
session_write_close();
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(6) "ready
"
string(13) "of|s:3:"two";"
string(14) "of|s:3:"one";
"
