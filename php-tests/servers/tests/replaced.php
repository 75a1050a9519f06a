<?php
/** An id that another machine replaces or ends: see ../../fpm/replaced.php. */

declare(strict_types=1);

const GRACE = ['rustdb.regenerate_grace' => 60];
const GRACE_STRICT = GRACE + ['session.use_strict_mode' => 1];

test('Redis: replacing the id of a session asks the server four times with rustdb.regenerate_grace, and three times without', function (Sandbox $sandbox) {
    $server = new RedisServer($sandbox);
    $calls = [];
    foreach ([60, 0] as $grace) {
        $settings = ['session.use_strict_mode' => 1, 'rustdb.regenerate_grace' => $grace] + Store::on_server($sandbox, "redis+unix://$server->socket")->settings;
        // The scripts are called by EVALSHA, and each call is a round trip. The first ones are sent once more, with their text.
        $calls[] = (int) Process::run([Php::cli(), '-c', Php::ini($sandbox, 'rustdb', $settings), '-r', '
            ini_set("session.use_cookies", 0); session_cache_limiter("");
            $calls = fn () => (int) preg_match("/cmdstat_evalsha:calls=(\\d+)/", shell_exec("redis-cli -s ' . $server->socket . ' info commandstats"), $m) ? (int) $m[1] : 0;
            session_start(); $_SESSION["n"] = 1; session_write_close();
            session_start(); session_regenerate_id(true); $_SESSION["n"]++; session_write_close();
            $before = $calls();
            for ($i = 0; $i < 10; $i++) { session_start(); session_regenerate_id(true); $_SESSION["n"]++; session_write_close(); }
            echo $_SESSION["n"] === 12 ? $calls() - $before : "lost";'], $sandbox->environment(), worker_user());
    }
    check_same([40, 30], $calls, 'calls for 10 sessions with the setting and 10 without');
});

test_servers('requests with an id that is being replaced elsewhere go on with the new session', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, fn (Site $here, Site $there) => follow_a_log_in($here, $there, false), GRACE);
});

test_servers('requests with an id that is being replaced elsewhere go over to the new one in strict mode', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, fn (Site $here, Site $there) => follow_a_log_in($here, $there, true), GRACE_STRICT);
});

test_servers('8 clients on two machines that count one session up and replace its id now and then lose no count', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, fn (Site $here, Site $there) => count_under_changing_ids([$here, $there], 8, 100), GRACE_STRICT);
});

test_servers('a session that is ended and started again here is empty, and a waiter there finds what became of it', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, log_out_before_a_waiter(...));
});

test_servers('without locks a slower request does not bring back a session that was ended elsewhere', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, function (Site $here, Site $there) {
        [$id] = end_before_a_slower_writer($here, $there, 'end');
        check_same([], $here->browser($id)->send('/account.php', ['do' => 'read'])->json()['found'], 'the ended session');
    }, ['rustdb.lock' => 'none']);
});

test_servers('without locks a slower request does not bring back a session whose id was replaced elsewhere', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, function (Site $here, Site $there) {
        [$id, $in] = end_before_a_slower_writer($here, $there, 'log-in');
        $answer = $here->browser($id)->send('/account.php')->json();
        check_same([$in['session'], ['basket' => 1, 'user' => 'emma']], [$answer['session'], $answer['found']], 'the session by the id that was replaced');
    }, GRACE_STRICT + ['rustdb.lock' => 'none']);
});

test_servers('one machine alone: requests with an id that is being replaced go on with the new session', function (Sandbox $sandbox, Backend $backend) {
    $site = new Site($sandbox, GRACE, store: Store::on_server($sandbox, $backend->url, true));
    follow_a_log_in($site, $site, false);
});

test('chain: requests with an id that is being replaced elsewhere go on with the new session', function (Sandbox $sandbox) {
    [, , $url] = start_chain($sandbox);
    two_machines($sandbox, $url, fn (Site $here, Site $there) => follow_a_log_in($here, $there, true), GRACE_STRICT);
});

test_servers('applications with different lifetimes in one store: each session has the one it was written with', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, function (Site $here, Site $there) {
        // The short one on a machine whose own sessions are long, and the other way round.
        $short = $here->browser(random_session())->send('/account.php', ['add' => 'a', 'lifetime' => 1])->json()['session'];
        $long = $there->browser(random_session())->send('/account.php', ['add' => 'a', 'lifetime' => 3600])->json()['session'];
        $read = fn (string $id, array $query = []) => $there->browser($id)->send('/account.php', ['do' => 'read'] + $query)->json()['found'];
        wait_until('the short session has expired', fn () => $read($short) === []);
        check_same(['a' => 1], $read($long, ['lifetime' => 1]), 'the long session, read by an application with short ones');
        $collector = $here->browser(random_session())->send('/account.php', ['lifetime' => 1, 'collect' => 1])->json();
        check(is_int($collector['collected']), 'session_gc() failed');
        check_same(['a' => 1], $read($long), 'the long session after a collection by an application with short ones');
        check_same([], $read($short), 'the short session after it');
    }, ['rustdb.touch_interval' => 0]);
});
