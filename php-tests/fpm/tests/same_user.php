<?php
/** One user's php-fpm, command line, built-in server and Apache module: the same sessions, the same locks. */

declare(strict_types=1);

/** The built-in server (php -S) on the pages of a site. Returns a maker of browsers: fn (string $session): Browser. */
function built_in_server(Site $site): callable
{
    $port = start_on_port(fn (int $port) => $site->sandbox->start('built-in',
        [Php::cli(), '-c', $site->ini, '-S', "127.0.0.1:$port", '-t', $site->root], user: worker_user()));
    return fn (string $session) => new Browser(null, "127.0.0.1:$port", $session);
}

/**
 * Counts one session up in turns, then from everywhere at the same time.
 *
 * @param callable(string): Browser $elsewhere makes a browser of the other server
 */
function count_everywhere(Site $site, callable $elsewhere, string $name): void
{
    $session = random_session();
    for ($n = 1; $n <= 12; $n++) {
        $answer = match ($n % 3) {
            0 => $site->increment_by_cli($session),
            1 => $site->browser($session)->send('/increment.php')->json(),
            2 => $elsewhere($session)->send('/increment.php')->json(),
        };
        check_same($n, $answer['n'], ['command line', 'php-fpm', $name][$n % 3] . ' counts');
    }

    $ledger = new Ledger();
    $clients = [];
    foreach ([$site->browser(...), $site->browser(...), $elsewhere, $elsewhere] as $browser) {
        $clients[] = (function () use ($browser, $session, $ledger) {
            $browser = $browser($session);
            for ($i = 0; $i < 200; $i++) {
                check($ledger->enter($session, yield $browser->request('/increment.php')), 'a request failed');
            }
        })();
    }
    $cli = $site->sandbox->start('cli', [Php::cli(), '-c', $site->ini, "$site->root/increment.php", "session=$session&times=400"], user: worker_user());
    run_clients($clients);
    check_same(0, $cli->wait(), 'exit status of the command line: ' . file_get_contents($cli->output));
    check_same(12 + 4 * 200 + 400, $site->counter($session), 'counter');
}

test('php-fpm, the command line and php -S of one user share sessions and locks', function (Sandbox $sandbox) {
    $site = new Site($sandbox);
    count_everywhere($site, built_in_server($site), 'php -S');
});

test('php-fpm, the command line and Apache with mod_php of one user share sessions and locks', function (Sandbox $sandbox) {
    $site = new Site($sandbox);
    count_everywhere($site, apache($site), 'Apache');
});

test('Apache restarted gracefully keeps its sessions', function (Sandbox $sandbox) {
    $browser = apache(new Site($sandbox));
    $session = random_session();
    $asked = $count = 0;
    $ask = function () use ($browser, $session, &$asked, &$count): void {
        $asked++;
        $response = $browser($session)->send('/increment.php');
        // When it restarts, Apache with threads cuts some connections off, whoever keeps the sessions.
        if ($response->status !== 0 || !Php::has_threads()) {
            $n = $response->json()['n'];
            check($count < $n && $n <= $asked, "$n was counted after $count, with $asked requests");
            $count = $n;
        }
    };
    $ask();
    posix_kill((int) file_get_contents("$sandbox->path/apache.pid"), SIGUSR1);
    $ask();
    wait_until('Apache has restarted', fn () => stripos(file_get_contents("$sandbox->path/apache.log"), 'graceful restart') !== false);
    while ($asked < 30) {
        $ask();
    }
    check($count > 20, "$count of $asked requests were counted");
});
