--TEST--
A session that stays locked makes session_start() fail in strict mode; the visitor gets no new, empty one
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-strict-mode-keeps-a-locked-id
session.use_strict_mode=1
session.gc_maxlifetime=1440
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$id = session_id();
$_SESSION['a'] = 1;
session_write_close();
session_id($id);
session_start();
$answer = php("session_id('$id'); var_dump(@session_start(), session_status() === PHP_SESSION_ACTIVE);",
    ['rustdb.lock_wait' => '1', 'error_log' => '/dev/null']);
echo $answer;
session_write_close();
echo session_elsewhere($id), "\n";
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(false)
bool(false)
{"a":1}
