<?php
/** An id that another request replaces or ends: see replaced.php beside this directory. */

declare(strict_types=1);

const GRACE = ['rustdb.regenerate_grace' => 60];
const GRACE_STRICT = GRACE + ['session.use_strict_mode' => 1];

test('requests with an id that is being replaced go on with the new session', function (Sandbox $sandbox) {
    only_rustdb('it has no grace');
    $site = new Site($sandbox, GRACE);
    follow_a_log_in($site, $site, false);
});

test('requests with an id that is being replaced go over to the new one in strict mode', function (Sandbox $sandbox) {
    only_rustdb('it has no grace');
    $site = new Site($sandbox, GRACE_STRICT);
    follow_a_log_in($site, $site, true);
});

test('8 clients that count one session up and replace its id now and then lose no count', function (Sandbox $sandbox) {
    only_rustdb('it has no grace');
    count_under_changing_ids([new Site($sandbox, GRACE_STRICT)], 8, 200);
});

test('a session that is ended and started again is empty, and a waiter finds what became of it', function (Sandbox $sandbox) {
    $site = new Site($sandbox);
    log_out_before_a_waiter($site, $site);
});

test('without locks a slower request does not bring back a session that was ended or whose id was replaced', function (Sandbox $sandbox) {
    only_rustdb('it always locks');
    $site = new Site($sandbox, GRACE_STRICT + ['rustdb.lock' => 'none']);
    [$id] = end_before_a_slower_writer($site, $site, 'end');
    check_same([], $site->browser($id)->send('/account.php', ['do' => 'read'])->json()['found'], 'the ended session');
    unlink($site->signal('slow'));
    unlink($site->signal('slow.release'));
    [$id, $out] = end_before_a_slower_writer($site, $site, 'log-out');
    check($out['session'] !== $id, 'strict mode did not replace the id of an ended session');
    check_same([], $site->browser($id)->send('/account.php', ['do' => 'read'])->json()['found'], 'the session that was logged out');
    check_same(['guest' => 1], $site->browser($out['session'])->send('/account.php')->json()['found'], 'the session after it');
    unlink($site->signal('slow'));
    unlink($site->signal('slow.release'));
    [$id, $in] = end_before_a_slower_writer($site, $site, 'log-in');
    $answer = $site->browser($id)->send('/account.php')->json();
    check_same([$in['session'], ['basket' => 1, 'user' => 'emma']], [$answer['session'], $answer['found']], 'the session by the id that was replaced');
});

test('lifetimes set at run time: each session, cookie and page has its own', function (Sandbox $sandbox) {
    $site = new Site($sandbox, ['rustdb.touch_interval' => 0] + (Php::handler() === 'files' ? [] : ['session.gc_probability' => 0]));
    $short = $site->browser();
    $long = $site->browser();
    $answer = $short->send('/account.php', ['add' => 'a', 'lifetime' => 1, 'cookie' => 3600]);
    check(preg_match('/max-age=3600/i', (string) $answer->header('set-cookie')) === 1, 'the cookie does not live for an hour: ' . $answer->header('set-cookie'));
    $short_id = $answer->json()['session'];
    $answer = $long->send('/account.php', ['add' => 'a', 'lifetime' => 3600, 'expire' => 7]);
    check(!str_contains(strtolower((string) $answer->header('set-cookie')), 'max-age'), 'the cookie does not end with the browser');
    check_same('private, max-age=420', $answer->header('cache-control'), 'how long the page may be kept');
    $long_id = $answer->json()['session'];
    if (Php::handler() === 'files') {
        return;
    }
    $read = fn (string $id) => $site->browser($id)->send('/account.php', ['do' => 'read'])->json()['found'];
    wait_until('the short session has expired', fn () => $read($short_id) === []);
    check_same(['a' => 1], $read($long_id), 'the long session');
});
