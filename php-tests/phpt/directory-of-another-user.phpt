--TEST--
A store directory owned by another user is refused with a clear warning
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-directory-of-another-user
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

// Root may give a directory away; everybody else has root's /usr at hand.
$dir = is_root() ? store_dir() . '/theirs' : '/usr';
if (is_root()) {
    mkdir($dir, 0700);
    chown($dir, 65534);
}
$output = php('var_dump(session_start());', ['rustdb.store' => "embedded://$dir"]);
var_dump((bool) preg_match('/Warning: .*' . preg_quote($dir, '/') . '/', $output), str_contains($output, 'bool(false)'));
var_dump(file_exists("$dir/store.mdb"));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
bool(true)
bool(false)
