--TEST--
Address and browser of the last request are listed, as far as rustdb.track has them
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-user-sessions-visitor
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$login = fn (string $id, array $ini = []) => php("session_id('$id'); session_start(); \$_SESSION['account']['current_user_id'] = 7; \$_SESSION['n'] = random_int(1, PHP_INT_MAX);", $ini);
$list = function () {
    foreach (rustdb_user_sessions(7) as ['id' => $id, 'ip' => $ip, 'user_agent' => $agent]) {
        echo "$id: ", json_encode([$ip, $agent], JSON_UNESCAPED_SLASHES), "\n";
    }
};
putenv('REMOTE_ADDR=192.0.2.7');
putenv("HTTP_USER_AGENT=Mozilla/5.0 'quoted' \xff");
$login('a');
$list();
// What a request does not tell stays as it was.
putenv('REMOTE_ADDR=2001:db8::1');
putenv('HTTP_USER_AGENT');
$login('a');
$list();
putenv('REMOTE_ADDR=no address');
putenv('HTTP_USER_AGENT=' . str_repeat('long ', 100));
$login('a');
foreach (rustdb_user_sessions(7) as $session) {
    echo $session['ip'], ' ', strlen($session['user_agent']), "\n";
}
rustdb_end_user_sessions(7);
putenv('REMOTE_ADDR=192.0.2.7');
putenv('HTTP_USER_AGENT=Mozilla');
$login('user', ['rustdb.track' => 'user']);
$list();
rustdb_end_user_sessions(7);
foreach (['ip, agent', 'none', ''] as $track) {
    $login('b', ['rustdb.track' => $track]);
    $list();
}
echo session_elsewhere('b') === '[]' ? 'lost' : 'there', "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
a: ["192.0.2.7","Mozilla/5.0 'quoted' ?"]
a: ["2001:db8::1","Mozilla/5.0 'quoted' ?"]
2001:db8::1 250
user: [null,null]
there
