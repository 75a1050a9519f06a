<?php
/** The servers that the tests run on, and the machines in front of them. */

declare(strict_types=1);

const PASSWORD = 'op3n/se@me:?';

/** A server and the URL that leads rustdb there. */
final class Backend
{
    private function __construct(public readonly MariaDb|RedisServer $server, public readonly string $url)
    {
    }

    /** The URL with more options. */
    public function url(string $options): string
    {
        return $this->url . (str_contains($this->url, '?') ? '&' : '?') . $options;
    }

    public static function start(string $kind, Sandbox $sandbox): self
    {
        if ($kind === 'redis') {
            $server = new RedisServer($sandbox, ['--requirepass', PASSWORD]);
            return new self($server, 'redis://:' . rawurlencode(PASSWORD) . "@127.0.0.1:$server->port/0");
        }
        $port = free_port();
        $server = new MariaDb($sandbox, "CREATE DATABASE shop;
            CREATE USER 'keeper'@'%' IDENTIFIED BY '" . PASSWORD . "';
            GRANT ALL ON shop.* TO 'keeper'@'%';", $port);
        $lock = $kind === 'lease' ? '?lock=lease' : '';
        return new self($server, 'mysql://keeper:' . rawurlencode(PASSWORD) . "@127.0.0.1:$port/shop$lock");
    }
}

/**
 * Runs a test with a server of each kind.
 *
 * @param callable(Sandbox, Backend): void $body
 */
function test_servers(string $name, callable $body): void
{
    foreach (['redis' => 'Redis', 'mysql' => 'MariaDB', 'lease' => 'MariaDB with locks as rows'] as $kind => $label) {
        test("$label: $name", fn (Sandbox $sandbox) => $body($sandbox, Backend::start($kind, $sandbox)));
    }
}

/**
 * Two machines with one store.
 *
 * @param callable(Site, Site): void $body
 * @param array<string, string|int> $settings
 */
function two_machines(Sandbox $sandbox, string $url, callable $body, array $settings = []): void
{
    $elsewhere = new Sandbox();
    try {
        $here = new Site($sandbox, $settings, store: Store::on_server($sandbox, $url));
        $there = new Site($elsewhere, $settings, store: Store::on_server($elsewhere, $url));
        $body($here, $there);
    } catch (Throwable $thrown) {
        $elsewhere->close(false);
        throw $thrown;
    }
    $elsewhere->close(true);
}

/** One machine holds a session for so many seconds while the other waits for it; then each has counted it up in turn. */
function hold_and_hand_over(Site $here, Site $there, float $seconds): void
{
    $session = random_session();
    $here->browser($session)->send('/increment.php')->json();
    $counts = [];
    run_clients([
        (function () use ($here, $session, &$counts) {
            $counts['holder'] = (yield $here->browser($session)->request('/increment.php', ['hold' => 'holder']))->json()['n'];
        })(),
        (function () use ($here, $there, $session, &$counts) {
            yield from until('the holder is inside', fn () => $here->signalled('holder'));
            $counts['waiter'] = (yield $there->browser($session)->request('/increment.php', ['before' => 'waiter']))->json()['n'];
        })(),
        (function () use ($here, $there, $seconds, &$counts) {
            yield from until('the waiter is at the door', fn () => $there->signalled('waiter'));
            yield $seconds;
            check_same([], $counts, 'answers while the session is held');
            $here->release('holder');
        })(),
    ]);
    ksort($counts);
    check_same(['holder' => 2, 'waiter' => 3], $counts, 'counts');
}

/** Kills a worker that holds a session here; returns the seconds until the session could be counted up there. */
function wait_after_kill(Site $here, Site $there): float
{
    $session = random_session();
    $here->browser($session)->send('/increment.php')->json();
    run_clients([
        (function () use ($here, $session) {
            check_same(502, (yield $here->browser($session)->request('/increment.php', ['hold' => 'holder']))->status, 'status of the killed request');
        })(),
        (function () use ($here, $there, $session, &$waited) {
            posix_kill(yield from until('the holder is inside', fn () => $here->signalled('holder')), SIGKILL);
            $killed = microtime(true);
            check_same(2, (yield $there->browser($session)->request('/increment.php'))->json()['n'], 'count after the kill');
            $waited = microtime(true) - $killed;
        })(),
    ]);
    note(sprintf('%.2f s', $waited));
    return $waited;
}
