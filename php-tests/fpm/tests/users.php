<?php
/** All sessions of a user: see users.php beside this directory. */

declare(strict_types=1);

test('a user who is logged in several times ends all sessions but the current one', function (Sandbox $sandbox) {
    only_rustdb('it knows no users');
    foreach ([[], ['rustdb.buffer_size' => 0], ['rustdb.write' => 'through'], ['session.use_strict_mode' => 1]] as $ini) {
        $site = new Site($sandbox, OF_USERS + $ini);
        log_out_everywhere($site, $site);
        unlink($site->signal('slow'));
        unlink($site->signal('slow.release'));
    }
});

test('the address and the browser of the last request of a user are listed, whether a page has $_SERVER or not', function (Sandbox $sandbox) {
    only_rustdb('it knows no users');
    foreach (['On', 'Off'] as $jit) {
        $site = new Site($sandbox, OF_USERS + ['auto_globals_jit' => $jit]);
        $id = $site->browser(started($site))->send('/account.php', ['do' => 'log-in'])->json()['session'];
        [$session] = $site->browser($id)->send('/users.php', ['of' => 'emma'])->json()['sessions'];
        check_same('Mozilla/5.0 (X11; Linux x86_64) rustdb-tests', $session['user_agent'], "browser with auto_globals_jit=$jit");
        check_same('127.0.0.1', $session['ip'], "address with auto_globals_jit=$jit");
    }
});
