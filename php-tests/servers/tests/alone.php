<?php
/** One machine that has the store for itself (rustdb.multi_host = off): its buffer answers, and goes on while the server is away. */

declare(strict_types=1);

test_servers('one machine alone: 8 clients that count one session up 500 times each end at exactly 4,000', function (Sandbox $sandbox, Backend $backend) {
    $site = new Site($sandbox, store: Store::on_server($sandbox, $backend->url, alone: true));
    $session = random_session();
    $ledger = new Ledger();
    run_clients(counters([$site], $ledger, $session, 8, 500), 180);
    note_spread('request', $ledger->seconds);
    check_same(4000, $site->counter($session), 'counter');
    // With the memory of this machine gone, the server has it all.
    $buffer = $site->buffer();
    $site->fpm->stop();
    Sandbox::remove($buffer);
    $site->fpm->start();
    check_same(4000, $site->counter($session), 'counter on the server');
});

test('Redis: one machine alone asks the server nothing for an unchanged session, and once for a modified or a new one', function (Sandbox $sandbox) {
    $server = new RedisServer($sandbox);
    $ini = Php::ini($sandbox, 'rustdb', ['session.use_strict_mode' => 1] + Store::on_server($sandbox, "redis+unix://$server->socket", alone: true)->settings);
    // The scripts are called by EVALSHA, and each call is a round trip.
    $out = Process::run([Php::cli(), '-c', $ini, '-r', '
        ini_set("session.use_cookies", 0); session_cache_limiter("");
        $calls = fn () => (int) preg_match("/cmdstat_evalsha:calls=(\\d+)/", shell_exec("redis-cli -s ' . $server->socket . ' info commandstats"), $m) ? (int) $m[1] : 0;
        session_start(); $_SESSION["n"] = 1; $id = session_id(); session_write_close();
        $made = $calls();
        for ($i = 0; $i < 10; $i++) { session_id($id); session_start(); session_write_close(); }
        $unchanged = $calls() - $made;
        for ($i = 0; $i < 10; $i++) { session_id($id); session_start(); $_SESSION["n"]++; session_write_close(); }
        $modified = $calls() - $made - $unchanged;
        for ($i = 0; $i < 10; $i++) { session_id(""); session_start(); $_SESSION["n"] = $i; session_write_close(); }
        echo json_encode([$unchanged, $modified, $calls() - $made - $unchanged - $modified]);'], $sandbox->environment(), worker_user());
    check_same('[0,10,10]', $out, 'calls for 10 unchanged, 10 modified and 10 new sessions');
});

test_servers('one machine alone: known sessions go on while the server is away, and what they became is brought there', function (Sandbox $sandbox, Backend $backend) {
    $site = new Site($sandbox, store: Store::on_server($sandbox, $backend->url, alone: true));
    $sessions = array_map(fn () => random_session(), range(1, 5));
    foreach ($sessions as $session) {
        check_same(1, $site->browser($session)->send('/increment.php')->json()['n'], 'first count');
    }
    $backend->server->kill();
    for ($n = 2; $n <= 6; $n++) {
        foreach ($sessions as $session) {
            check_same($n, $site->browser($session)->send('/increment.php')->json()['n'], 'count without the server');
        }
    }
    // A process that starts meanwhile knows that the store is this machine's.
    run_clients([$site->fpm->reload()]);
    check_same(7, $site->browser($sessions[0])->send('/increment.php')->json()['n'], 'count by a new process without the server');
    $backend->server->start();
    wait_until('everything is on the server', fn () => $site->store->status()['buffer']['unflushed'] === 0, 30);
    $buffer = $site->buffer();
    $site->fpm->stop();
    Sandbox::remove($buffer);
    $site->fpm->start();
    foreach ($sessions as $i => $session) {
        check_same($i === 0 ? 7 : 6, $site->counter($session), 'counter on the server');
    }
    $sandbox->expect_logged('/rustdb: .*127\\.0\\.0\\.1/');
});

test_servers('a store that one machine has for itself is refused to others, whichever way they say they would use it', function (Sandbox $sandbox, Backend $backend) {
    $site = new Site($sandbox, store: Store::on_server($sandbox, $backend->url, alone: true));
    check_same(1, $site->browser(random_session())->send('/increment.php')->json()['n'], 'the owner');
    foreach (['off', 'on'] as $way) {
        $elsewhere = new Sandbox();
        $other = new Site($elsewhere, ['rustdb.multi_host' => $way], store: Store::on_server($elsewhere, $backend->url));
        check_same(503, $other->browser(random_session())->send('/increment.php')->status, 'another machine');
        $elsewhere->expect_logged('/belongs to user \\d+ of the machine .* alone/');
        $elsewhere->expect_logged('/Failed to (read|initialize)/');
        $elsewhere->close(true);
    }
});
