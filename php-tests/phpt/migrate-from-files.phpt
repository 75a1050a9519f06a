--TEST--
rustdb.migrate_from brings a session of the files handler over, counts it, and ends the old copy with it
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-migrate-from-files
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$old = store_dir() . '-old';
mkdir($old, 0700);
$from = ['rustdb.migrate_from' => "\"files://$old?lifetime=1440\""];
foreach (['ann', 'bob', 'cid'] as $id) {
    file_put_contents("$old/sess_$id", 'name|s:3:"' . $id . '";');
}
touch("$old/sess_cid", time() - 2000);
foreach (['ann', 'bob', 'cid', 'eve'] as $id) {
    echo php("session_id('$id'); session_start(); echo '$id: ', json_encode(\$_SESSION), \"\\n\";", $from);
}
echo php('session_id("ann"); session_start(); session_destroy();', $from);
echo php('session_id("ann"); session_start(); echo "ann: ", json_encode($_SESSION), " ", rustdb_status()["migrated"], "\n";', $from);
echo implode(' ', array_map('basename', glob("$old/*"))), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
array_map('unlink', glob(store_dir() . '-old/*'));
@rmdir(store_dir() . '-old');
store_remove();
?>
--EXPECT--
ann: {"name":"ann"}
bob: {"name":"bob"}
cid: []
eve: []
ann: [] 2
sess_bob sess_cid
