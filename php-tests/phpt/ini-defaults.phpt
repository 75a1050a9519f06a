--TEST--
Every entry has its documented default
--INI--

--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

foreach (['store', 'lock', 'lock_wait', 'buffer_size', 'write', 'flush_interval', 'touch_interval', 'volatile_keys', 'lifetime', 'gc_probability', 'gc_divisor', 'regenerate_grace', 'migrate_from', 'user_key', 'track', 'busy_poll', 'takeover'] as $entry) {
    echo "rustdb.$entry = ", var_export(ini_get("rustdb.$entry"), true), "\n";
}
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
rustdb.store = ''
rustdb.lock = 'exclusive'
rustdb.lock_wait = '30'
rustdb.buffer_size = '64M'
rustdb.write = 'auto'
rustdb.flush_interval = '1'
rustdb.touch_interval = '60'
rustdb.volatile_keys = 'Session._user.ts,Session.SessionHandlerDB.ts,_sf2_meta.u'
rustdb.lifetime = '0'
rustdb.gc_probability = '1'
rustdb.gc_divisor = '1000'
rustdb.regenerate_grace = '0'
rustdb.migrate_from = ''
rustdb.user_key = 'account.current_user_id,Session._user.id,login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d'
rustdb.track = 'user,ip,agent'
rustdb.busy_poll = '200'
rustdb.takeover = ''
