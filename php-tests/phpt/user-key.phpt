--TEST--
rustdb.user_key finds the user in every format that PHP writes, at the first path that leads to one
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-user-key
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$paths = ['rustdb.user_key' => 'auth.id, name, deep.er\\.still'];
$of = fn ($user) => implode(' ', array_column(rustdb_user_sessions($user), 'id'));
foreach (['php', 'php_serialize', 'php_binary'] as $format) {
    $ini = $paths + ['session.serialize_handler' => $format];
    $put = fn (string $id, string $data) => php("session_id('$id'); session_start(); \$_SESSION = $data;", $ini);
    $put('a', "['name' => 'anna', 'auth' => ['id' => 5]]");
    $put('b', "['name' => 'anna', 'auth' => ['id' => null]]");
    $put('c', "['deep' => ['er.still' => 'ω']]");
    $put('d', "['account' => ['current_user_id' => 5], 'auth' => [5]]");
    $put('e', "['name' => ['anna']]");
    echo "$format: ", $of(5), ', ', $of('anna'), ', ', $of('ω'), '; ', rustdb_end_user_sessions(5) + rustdb_end_user_sessions('anna') + rustdb_end_user_sessions('ω'), "\n";
}
// With no paths nobody is found.
php('session_id("f"); session_start(); $_SESSION["account"]["current_user_id"] = 5;', ['rustdb.user_key' => '']);
var_dump(rustdb_user_sessions(5));
foreach ([[], null, 1.5] as $wrong) {
    try {
        rustdb_user_sessions($wrong);
    } catch (Exception $e) {
        echo $e->getMessage(), "\n";
    }
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
php: a, b, c; 3
php_serialize: a, b, c; 3
php_binary: a, b, c; 3
array(0) {
}
rustdb: a user is named by a string or an integer
rustdb: a user is named by a string or an integer
rustdb: a user is named by a string or an integer
