--TEST--
All sessions of a user are listed, and end at once, the current one too unless it is to be kept
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-user-sessions
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

// A command line has no visitor, but PHP takes its environment into $_SERVER.
function ids(string|int $user): string
{
    $ids = array_column(rustdb_user_sessions($user), 'id');
    sort($ids);
    return implode(' ', $ids);
}

$login = fn (string $id, int $user) => php("session_id('$id'); session_start(); \$_SESSION['account'] = ['current_user_id' => $user];");
foreach (['phone' => 7, 'laptop' => 7, 'others' => 70] as $id => $user) {
    $login($id, $user);
}
$_SERVER['REMOTE_ADDR'] = 'changed by the script';
put('here', ['account' => ['current_user_id' => 7]]);
put('guest', ['account' => ['current_user_id' => 0]]);
echo ids(7), '; ', ids('70'), '; ', ids(1), ';', ids(0), "\n";

// Somebody else logs in, and the user logs out.
put('laptop', ['account' => ['current_user_id' => 8]]);
put('phone', ['basket' => 1]);
echo ids(7), '; ', ids(8), "\n";
put('phone', ['account.current_user_id' => '7']);
put('laptop', ['Session' => ['_user' => ['id' => 7]]]);
put('laravel', ['login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d' => 7]);

session_id('here');
session_start();
$sessions = array_column(rustdb_user_sessions(7), null, 'id');
ksort($sessions);
foreach ($sessions as $session) {
    echo $session['id'], ': ', $session['current'] ? 'current, ' : '', abs($session['expires'] - time() - 1440) < 200 ? 'ends in time' : $session['expires'],
        ', ', json_encode([$session['ip'], $session['user_agent']]), "\n";
}
var_dump(rustdb_end_user_sessions('7', keep_current: true), ids(7));
$_SESSION['still'] = 'here';
session_write_close();
echo session_elsewhere('here'), session_elsewhere('phone'), session_elsewhere('others'), "\n";

session_start();
$_SESSION['comes'] = 'back';
var_dump(rustdb_end_user_sessions(7), rustdb_end_user_sessions(7), ids(7));
session_write_close();
echo session_elsewhere('here'), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
here laptop phone; others; ;
here; laptop
here: current, ends in time, [null,null]
laptop: ends in time, [null,null]
laravel: ends in time, [null,null]
phone: ends in time, [null,null]
int(3)
string(4) "here"
{"account":{"current_user_id":7},"still":"here"}[]{"account":{"current_user_id":70}}
int(1)
int(0)
string(0) ""
[]
