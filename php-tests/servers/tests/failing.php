<?php
/** Machines and servers that die, hang and come back. */

declare(strict_types=1);

test_servers('a worker killed while it holds a session frees it for the other machine within 10 seconds', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, function (Site $here, Site $there) {
        check(wait_after_kill($here, $there) < 12, 'it took longer than promised');
    });
});

test_servers('a worker killed while it holds a session frees it for its own machine at once', function (Sandbox $sandbox, Backend $backend) {
    $site = new Site($sandbox, store: Store::on_server($sandbox, $backend->url));
    check(wait_after_kill($site, $site) < 3, 'it took longer than promised');
});

test_servers('a request that runs for longer than a lock lives keeps its session', function (Sandbox $sandbox, Backend $backend) {
    // Longer than the 10 seconds in which a dead machine's sessions are freed.
    two_machines($sandbox, $backend->url, fn (Site $here, Site $there) => hold_and_hand_over($here, $there, 12.0));
});

test_servers('workers killed in a storm of writes on two machines lose and mix nothing', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, function (Site $here, Site $there) {
        $sessions = array_map(fn () => random_session(), range(1, 12));
        $ledger = new Ledger();
        $kills = 0;
        $clients = [];
        for ($i = 0; $i < 8; $i++) {
            $clients[] = (function () use ($here, $there, $sessions, $ledger, &$kills) {
                while ($kills < 20) {
                    $session = $sessions[array_rand($sessions)];
                    $machine = random_int(0, 1) === 0 ? $here : $there;
                    $ledger->enter($session, yield $machine->browser($session)->request('/increment.php', ['size' => random_int(10, 3000)]));
                }
            })();
        }
        $clients[] = (function () use ($here, $there, &$kills) {
            while ($kills < 20) {
                yield random_int(50, 300) / 1000;
                $workers = [...$here->fpm->workers(), ...$there->fpm->workers()];
                if ($workers !== []) {
                    posix_kill($workers[array_rand($workers)], SIGKILL);
                    $kills++;
                }
            }
        })();
        run_clients($clients, 300);
        note("{$ledger->acknowledged()} writes acknowledged, $kills kills");
        $ledger->settle(fn (string $session) => $there->counter($session));
    });
});

test_servers('a server that was killed is said to be down at once, and works again when it is back', function (Sandbox $sandbox, Backend $backend) {
    $site = new Site($sandbox, store: Store::on_server($sandbox, $backend->url));
    $session = random_session();
    check_same(1, $site->browser($session)->send('/increment.php')->json()['n'], 'first count');
    $backend->server->kill();
    $begun = microtime(true);
    for ($i = 0; $i < 20; $i++) {
        check_same(503, $site->browser($session)->send('/increment.php')->status, 'status without a server');
    }
    check(microtime(true) - $begun < 10, 'requests waited for a server that was not there');
    $backend->server->start();
    // Twice: each worker finds out for itself, and leaves the server alone for a moment before it asks again.
    foreach ([2, 3] as $count) {
        wait_until('sessions work again', function () use ($site, $session, &$response) {
            $response = $site->browser($session)->send('/increment.php');
            return $response->ok();
        });
        check_same($count, $response->json()['n'], 'count after the restart');
    }
    $sandbox->expect_logged('/rustdb: .*127\.0\.0\.1/'); // By requests, and by the background thread at its work.
    $sandbox->expect_logged('/Failed to (read|initialize)/');
    check(!str_contains(file_get_contents($sandbox->php_log), PASSWORD), 'the password is in the log');
});

test_servers('a server that hangs costs each request its limits and no more', function (Sandbox $sandbox, Backend $backend) {
    $site = new Site($sandbox, store: Store::on_server($sandbox, $backend->url('connect_timeout=1&timeout=1')));
    $session = random_session();
    check_same(1, $site->browser($session)->send('/increment.php')->json()['n'], 'first count');
    $backend->server->signal(SIGSTOP);
    try {
        $slowest = 0;
        for ($i = 0; $i < 8; $i++) {
            $answer = $site->browser($session)->send('/increment.php');
            check_same(503, $answer->status, 'status while the server hangs');
            $slowest = max($slowest, $answer->seconds);
        }
        note(sprintf('slowest %.1f s', $slowest));
        check($slowest < 6, 'a request waited longer than its limits');
    } finally {
        $backend->server->signal(SIGCONT);
    }
    wait_until('sessions work again', fn () => $site->browser($session)->send('/increment.php')->ok());
    $sandbox->expect_logged('/rustdb: .*127\.0\.0\.1/');
    $sandbox->expect_logged('/Failed to (read|initialize)/');
    check(!str_contains(file_get_contents($sandbox->php_log), PASSWORD), 'the password is in the log');
});
