--TEST--
The session of a request is kept also when it is closed, in use by an object, or was asked for by an id that was replaced
--INI--
session.save_handler=rustdb
session.use_strict_mode=0
rustdb.store=embedded://{TMP}/rustdb-phpt-user-sessions-keep-current
rustdb.regenerate_grace=60
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

function others_end(): void
{
    put_elsewhere();
    // The one that ends last comes first, and that may be either of them.
    $current = array_column(rustdb_user_sessions(7), 'current', 'id');
    ksort($current);
    echo json_encode($current), ' ', rustdb_end_user_sessions(7, keep_current: true), ' ', count(rustdb_user_sessions(7)), "\n";
}

function put_elsewhere(): void
{
    php("session_id('other'); session_start(); \$_SESSION['account'] = ['current_user_id' => 7];");
}

put('here', ['account' => ['current_user_id' => 7]]);
session_id('here');
session_start();
session_write_close();
others_end();

session_set_save_handler(new Rustdb\SessionHandler(), true);
session_start();
others_end();
session_write_close();
others_end();

php("session_id('here'); session_start(); session_id(); session_regenerate_id(true);");
ini_set('session.save_handler', 'rustdb');
session_id('here');
session_start();
var_dump(session_id(), isset($_SESSION['account']));
put_elsewhere();
var_dump(count(array_filter(array_column(rustdb_user_sessions(7), 'current'))), rustdb_end_user_sessions(7, keep_current: true), count(rustdb_user_sessions(7)));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
{"here":true,"other":false} 1 1
{"here":true,"other":false} 1 1
{"here":true,"other":false} 1 1
string(4) "here"
bool(true)
int(1)
int(1)
int(1)
