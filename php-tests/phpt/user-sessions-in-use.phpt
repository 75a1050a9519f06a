--TEST--
A request that has a session in use when all of its user end does not bring it back
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-user-sessions-in-use
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

$code = 'session_id("used"); session_start(); echo "started\n"; flush(); fgets(STDIN);
    $_SESSION["late"] = 1; session_write_close(); echo "written";';
put('used', ['account' => ['current_user_id' => 7]]);
foreach (['exclusive', 'none'] as $lock) {
    put('used', ['account' => ['current_user_id' => 7]]);
    $slow = php_start($code, ['rustdb.lock' => $lock, 'output_buffering' => '0']);
    fgets($slow->out);
    echo rustdb_end_user_sessions(7), ' ', php_wait($slow), ' ', session_elsewhere('used'), "\n";
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
1 written []
1 written []
