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
        return new self($server, 'mysql://keeper:' . rawurlencode(PASSWORD) . "@127.0.0.1:$port/shop");
    }
}

/**
 * Runs a test with a server of each kind.
 *
 * @param callable(Sandbox, Backend): void $body
 */
function test_servers(string $name, callable $body): void
{
    foreach (['redis' => 'Redis', 'mysql' => 'MariaDB'] as $kind => $label) {
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
