<?php
/** Redis in front of MySQL: what becomes of Redis costs no request its session, and MySQL alone says what a session is. */

declare(strict_types=1);

/** Both servers, where every session has a copy in Redis; and the URLs that lead there. @return array{Backend, Backend, string} */
function start_chain(Sandbox $sandbox): array
{
    $redis = Backend::start('redis', $sandbox);
    $mysql = Backend::start('mysql', $sandbox);
    return [$redis, $mysql, "$redis->url?least=0 $mysql->url"];
}

/** What Redis says to a command. */
function redis_tells(Backend $redis, string ...$command): string
{
    return $redis->server->execute('-a', PASSWORD, '--no-auth-warning', ...$command);
}

/** The logs may tell that Redis failed; of nothing else, and no password. */
function expect_redis_failed(Sandbox ...$sandboxes): void
{
    foreach ($sandboxes as $sandbox) {
        $sandbox->expect_logged('/rustdb: .*redis:\/\/127\.0\.0\.1.* sessions go on without it/');
        check(!str_contains((string) @file_get_contents($sandbox->php_log), PASSWORD), 'the password is in the log');
    }
}

test('chain: with Redis killed, flushed and hung under load, 8 clients on two machines count one session up exactly, and no request fails', function (Sandbox $sandbox) {
    [$redis, , $url] = start_chain($sandbox);
    two_machines($sandbox, $url, function (Site $here, Site $there) use ($redis) {
        $session = random_session();
        $ledger = new Ledger();
        $ended = false;
        $clients = [];
        for ($i = 0; $i < 8; $i++) {
            $clients[] = (function () use ($i, $here, $there, $session, $ledger, &$ended) {
                $browser = ($i % 2 === 0 ? $here : $there)->browser($session);
                while (!$ended) {
                    check($ledger->enter($session, yield $browser->request('/increment.php')), 'a request failed');
                }
            })();
        }
        $clients[] = (function () use ($redis, &$ended) {
            yield 0.5;
            $redis->server->kill();
            yield 0.3;
            $redis->server->start();
            // Longer than a machine leaves it alone.
            yield 5.3;
            redis_tells($redis, 'flushall');
            yield 0.3;
            $redis->server->signal(SIGSTOP);
            // Longer than a chain waits for an answer.
            yield 0.8;
            $redis->server->signal(SIGCONT);
            yield 5.3;
            $redis->server->kill();
            yield 0.3;
            $ended = true;
        })();
        run_clients($clients);
        note_spread("{$ledger->acknowledged()} requests", $ledger->seconds);
        check($ledger->acknowledged() > 200, 'there was no load');
        check_same($ledger->acknowledged(), $here->counter($session), 'counter, seen here');
        check_same($ledger->acknowledged(), $there->counter($session), 'counter, seen there');
        expect_redis_failed($here->sandbox, $there->sandbox);
    });
});

test('chain: what one machine changes and destroys while Redis is gone, the other sees, and it stays so when Redis is back with its old copies', function (Sandbox $sandbox) {
    [$redis, , $url] = start_chain($sandbox);
    two_machines($sandbox, $url, function (Site $here, Site $there) use ($redis) {
        $changed = random_session();
        $destroyed = random_session();
        $count = fn (Site $site, string $session) => $site->browser($session)->send('/increment.php')->json()['n'];
        foreach ([$changed, $destroyed] as $session) {
            check_same([1, 2], [$count($here, $session), $count($there, $session)], 'counts to begin with');
        }
        $redis->server->kill();
        check_same(3, $count($there, $changed), 'count without Redis');
        Php::run($there->sandbox, $there->ini, ['-r', "ini_set('session.use_cookies', 0); session_cache_limiter('');
            session_id('$destroyed'); session_start(); session_destroy();"]);
        $redis->server->start();
        wait_until('Redis has its old copies', fn () => redis_tells($redis, 'exists', "RUSTDB_COPY:$changed", "RUSTDB_COPY:$destroyed") === '2');
        check_same([3, 0], [$here->counter($changed), $here->counter($destroyed)], 'what the other machine reads');
        check_same([4, 1], [$count($here, $changed), $count($here, $destroyed)], 'what it counts on from');
        redis_tells($redis, 'del', "RUSTDB_COPY:$changed");
        wait_until('Redis is used again', fn () => $count($there, $changed) && redis_tells($redis, 'exists', "RUSTDB_COPY:$changed") === '1', 20);
        $status = json_decode(Php::run($here->sandbox, $here->ini, ['-r', 'echo json_encode(rustdb_status());']), true);
        check(preg_match('~^redis://127\.0\.0\.1:\d+/0 mysql://keeper@127\.0\.0\.1:\d+/shop$~', $status['store']) === 1,
            "the store is called {$status['store']}");
        expect_redis_failed($there->sandbox);
    });
});

test('chain: without MySQL a session that Redis has is not served, and with MySQL again it is what it was', function (Sandbox $sandbox) {
    [, $mysql, $url] = start_chain($sandbox);
    $site = new Site($sandbox, store: Store::on_server($sandbox, $url));
    $session = random_session();
    check_same(1, $site->browser($session)->send('/increment.php')->json()['n'], 'first count');
    $mysql->server->kill();
    check_same(503, $site->browser($session)->send('/increment.php')->status, 'status without MySQL');
    check_same(503, $site->browser($session)->send('/read.php')->status, 'status of who only reads');
    $mysql->server->start();
    $n = null;
    wait_until('sessions work again', function () use ($site, $session, &$n) {
        $answer = $site->browser($session)->send('/increment.php');
        $n = $answer->ok() ? $answer->json()['n'] : null;
        return $answer->ok();
    });
    check_same(2, $n, 'count after the restart');
    $sandbox->expect_logged('/rustdb: .*mysql:\/\/keeper@127\.0\.0\.1/');
    $sandbox->expect_logged('/Failed to (read|initialize)/');
    check(!str_contains(file_get_contents($sandbox->php_log), PASSWORD), 'the password is in the log');
});
