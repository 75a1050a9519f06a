<?php
/**
 * Several sites on one machine: what belongs to one user, one pool or one virtual host never reaches
 * another, even when a visitor brings the same session id to all of them. The pages check each session's
 * owner themselves; see page.php.
 */

declare(strict_types=1);

/**
 * Clients that count one id up on several hosts at the same time. Each host must count for itself.
 *
 * @param callable(string, string): Browser $browser makes a browser for a session and a host
 * @param list<string> $hosts
 */
function count_on_hosts(callable $browser, array $hosts, int $times = 250): void
{
    $session = random_session();
    $clients = [];
    foreach ($hosts as $host) {
        foreach ([1, 2] as $client) {
            $clients[] = (function () use ($browser, $session, $host, $times) {
                $visitor = $browser($session, $host);
                for ($i = 0; $i < $times; $i++) {
                    (yield $visitor->request('/increment.php', ['size' => random_int(100, 3000)]))->json();
                }
            })();
        }
    }
    run_clients($clients);
    foreach ($hosts as $host) {
        check_same(2 * $times, $browser($session, $host)->send('/read.php')->json()['n'], "counter on $host");
    }
}

/** @return array<string, array<string, string|int>> settings that give each of three hosts a store of its own */
function stores_of_hosts(Sandbox $sandbox): array
{
    $settings = [];
    foreach (['one.test', 'two.test', 'three.test'] as $name) {
        $settings[$name] = Store::fresh($sandbox, "store-$name")->settings;
    }
    return $settings;
}

foreach (['PHP_ADMIN_VALUE', 'PHP_VALUE'] as $variable) {
    test("virtual hosts in one pool with stores of their own ($variable) never cross", function (Sandbox $sandbox) use ($variable) {
        $hosts = array_map(fn ($settings) => ['values' => $settings, 'variable' => $variable], stores_of_hosts($sandbox));
        count_on_hosts((new Site($sandbox, hosts: $hosts))->browser(...), array_keys($hosts));
    });
}

test('virtual hosts of one Apache with stores of their own (php_admin_value) never cross', function (Sandbox $sandbox) {
    $hosts = stores_of_hosts($sandbox);
    count_on_hosts(apache(new Site($sandbox), $hosts), array_keys($hosts));
});

test('pools of one user with stores of their own (php_admin_value) never cross', function (Sandbox $sandbox) {
    $pools = $hosts = [];
    foreach (['one', 'two'] as $name) {
        $pools[$name] = ['settings' => Store::fresh($sandbox, "store-$name")->settings, 'directives' => ['pm.max_children' => 2]];
        $hosts["$name.test"] = ['pool' => $name];
    }
    count_on_hosts((new Site($sandbox, pools: $pools, hosts: $hosts))->browser(...), array_keys($hosts));
});

test('pools of one user with one store share their sessions', function (Sandbox $sandbox) {
    $site = new Site($sandbox, pools: ['two' => ['directives' => ['pm.max_children' => 2]]], hosts: ['localhost' => ['pool' => 'two']]);
    $session = random_session();
    for ($n = 1; $n <= 20; $n++) {
        $host = $n % 2 === 0 ? 'site.test' : 'localhost';
        check_same($n, $site->browser($session, $host)->send('/increment.php')->json()['n'], "count on $host");
    }
});

test('pools of different users never share, with nothing configured but the save_path they have in common', function (Sandbox $sandbox) {
    only_rustdb('two users cannot use one id in one directory at all');
    only_root();
    $store = Store::shared_save_path($sandbox, worker_user());
    Store::shared_save_path($sandbox, 'nobody');
    $site = new Site($sandbox, store: $store, pools: ['other' => ['user' => 'nobody']], hosts: ['other.test' => ['pool' => 'other']]);
    count_on_hosts($site->browser(...), ['site.test', 'other.test']);
});

test("a pool that is pointed at another user's store is refused and sees nothing of it", function (Sandbox $sandbox) {
    only_root();
    $site = new Site($sandbox, pools: ['other' => ['user' => 'nobody']], hosts: ['other.test' => ['pool' => 'other']]);
    $sandbox->expect_logged('/session_start\(\)/');
    $session = random_session();
    $site->browser($session)->send('/increment.php')->json();
    $response = $site->browser($session, 'other.test')->send('/read.php');
    check_same(503, $response->status, "status of the other user's request (" . $response->describe() . ')');
    check_same(2, $site->browser($session)->send('/increment.php')->json()['n'], 'the owner counts on');
});

function only_root(): void
{
    if (posix_geteuid() !== 0) {
        throw new Skipped('only root can run pools of different users');
    }
}
