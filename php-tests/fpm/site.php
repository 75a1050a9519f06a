<?php
/**
 * The site that the tests visit: the pages of pages/ under nginx and php-fpm, on a fresh store.
 */

declare(strict_types=1);

final class Site
{
    public readonly Store $store;
    public readonly string $root;
    public readonly string $ini;
    public readonly Fpm $fpm;
    private readonly Nginx $nginx;

    /**
     * @param array<string, string|int> $settings php.ini settings beside those that select the store
     * @param array<string, string|int> $directives of the php-fpm pool, which is named www
     * @param array<string, array> $pools further pools, see Fpm
     * @param array<string, array{pool?: string, values?: array<string, string|int>, extra?: string}> $hosts
     *        virtual hosts beside site.test, see Nginx
     */
    public function __construct(public readonly Sandbox $sandbox, array $settings = [], array $directives = [],
        array $pools = [], array $hosts = [], ?Store $store = null, string $extra = '')
    {
        $this->store = $store ?? Store::fresh($sandbox);
        $this->root = $sandbox->directory('pages');
        foreach (glob(__DIR__ . '/pages/*.php') as $page) {
            copy($page, "$this->root/" . basename($page));
            chmod("$this->root/" . basename($page), 0644);
        }
        $sandbox->directory('signals', 01777);
        $this->ini = Php::ini($sandbox, Php::handler(), $settings + $this->store->settings);
        $this->fpm = new Fpm($sandbox, $this->ini, ['www' => ['directives' => $directives]] + $pools);
        $servers = ['site.test' => ['root' => $this->root, 'fpm' => $this->fpm->socket(), 'extra' => $extra]];
        foreach ($hosts as $name => $host) {
            $servers[$name] = ['root' => $this->root, 'fpm' => $this->fpm->socket($host['pool'] ?? 'www')] + $host;
        }
        $this->nginx = new Nginx($sandbox, $servers);
    }

    public function browser(?string $session = null, string $host = 'site.test'): Browser
    {
        return new Browser($this->nginx->socket, $host, $session);
    }

    /** The directory of the session buffer. */
    public function buffer(): string
    {
        return $this->store->status()['buffer']['path'];
    }

    /** The counter of a session, read without taking its lock. */
    public function counter(string $session, string $host = 'site.test'): int
    {
        return $this->browser($session, $host)->send('/read.php')->json()['n'];
    }

    /** What a page tells by way of the directory `signals`, and what a test tells a page. */
    public function signal(string $name): string
    {
        return "{$this->sandbox->path}/signals/$name";
    }

    /** A process that has signalled its pid under this name. */
    public function signalled(string $name): ?int
    {
        clearstatcache();
        $text = @file_get_contents($this->signal($name));
        return is_string($text) && str_ends_with($text, "\n") ? (int) $text : null;
    }

    /** Lets a page go on that holds its session. */
    public function release(string $name): void
    {
        touch($this->signal("$name.release"));
    }

    /** One increment by a command line PHP with the site's php.ini. */
    public function increment_by_cli(string $session, int $times = 1): array
    {
        $output = Php::run($this->sandbox, $this->ini, ["$this->root/increment.php", "session=$session&times=$times"]);
        $data = json_decode($output, true);
        check(is_array($data), "no JSON from the command line: $output");
        return $data;
    }
}

function random_session(): string
{
    return bin2hex(random_bytes(16));
}

/** Only where rustdb promises more than `files` does. */
function only_rustdb(string $why): void
{
    if (Php::handler() !== 'rustdb') {
        throw new Skipped("HANDLER=files: $why");
    }
}
