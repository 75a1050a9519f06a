--TEST--
The store's files can be read by their owner only
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-store-files-are-private
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

put('private', ['a' => 1]);
$buffer = rustdb_status()['buffer']['path'];
$buffer = is_dir($buffer) ? $buffer : dirname($buffer);
foreach ([store_dir(), $buffer] as $dir) {
    foreach (scandir($dir) as $entry) {
        if ($entry !== '..' && (fileperms("$dir/$entry") & 0077) !== 0) {
            printf("%s/%s has mode %o\n", $dir, $entry, fileperms("$dir/$entry") & 07777);
        }
    }
}
var_dump(count(scandir(store_dir())) > 2, is_dir($buffer));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
