--TEST--
What was taken over stands once in the log, and in phpinfo
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-takeover-is-told
rustdb.takeover="App\Handler, files"
error_log=/dev/null
session.gc_probability=0
--FILE--
<?php
require __DIR__ . '/store.inc';
require __DIR__ . '/handlers.inc';
store_create();

$log = store_dir() . '/log';
$code = 'require ' . var_export(__DIR__ . '/handlers.inc', true) . ';
    for ($i = 0; $i < 3; $i++) {
        session_set_save_handler(new App\Handler()); session_set_save_handler(new App\Derived());
        session_set_save_handler(new App\Adaptor(new App\Handler())); session_set_save_handler(new App\Other());
        session_set_save_handler(new class(new App\Handler()) extends App\Adaptor {}); session_module_name("files");
    }
    phpinfo(INFO_MODULES);';
preg_match('/^Taken over by this process => (.*)/m', php($code, ['error_log' => $log]), $match);
echo $match[1], "\n", preg_replace('/^\[.*?\] /m', '', file_get_contents($log));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
App\Adaptor around App\Handler, App\Adaptor@anonymous around App\Handler, App\Derived, App\Handler, files
rustdb: App\Handler is taken over (rustdb.takeover): its sessions are kept by rustdb
rustdb: App\Derived is taken over (rustdb.takeover): its sessions are kept by rustdb
rustdb: App\Adaptor around App\Handler is taken over (rustdb.takeover): its sessions are kept by rustdb
rustdb: App\Adaptor@anonymous around App\Handler is taken over (rustdb.takeover): its sessions are kept by rustdb
rustdb: files is taken over (rustdb.takeover): its sessions are kept by rustdb
