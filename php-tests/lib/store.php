<?php
/**
 * Where the sessions of a test are kept: the settings that lead PHP there, for either handler, and the
 * questions that a test asks the store itself.
 */

declare(strict_types=1);

final class Store
{
    /** PHP code that opens the store by reading a session which is not there. */
    private const OPEN = 'session_id("onlooker"); session_start(["read_and_close" => true]); ';

    /** @param array<string, string|int> $settings php.ini settings that select this store */
    private function __construct(private readonly Sandbox $sandbox, public readonly string $handler,
        public readonly array $settings, public readonly string $user, public readonly ?string $path)
    {
    }

    /** A fresh directory of its own, mode 0700, owned by the user that PHP runs as. */
    public static function fresh(Sandbox $sandbox, string $name = 'store', ?string $user = null, ?string $handler = null): self
    {
        $user ??= worker_user();
        $handler ??= Php::handler();
        $path = $sandbox->directory($name, 0700, $user);
        $settings = $handler === 'rustdb' ? ['rustdb.store' => "embedded://$path"] : ['session.save_path' => $path];
        return $sandbox->keep(new self($sandbox, $handler, $settings, $user, $path));
    }

    /** Nothing configured but a save_path that several users share, as on a Debian machine. */
    public static function shared_save_path(Sandbox $sandbox, string $user): self
    {
        $path = $sandbox->directory('sessions', 01733);
        return $sandbox->keep(new self($sandbox, Php::handler(), ['session.save_path' => $path], $user, null));
    }

    /**
     * On a server. What this machine keeps of it lies in a directory of its own: another sandbox is another machine.
     *
     * @param bool $alone this machine has the store for itself, with a buffer
     */
    public static function on_server(Sandbox $sandbox, string $url, bool $alone = false): self
    {
        $settings = ['rustdb.store' => $url, 'session.save_path' => $sandbox->directory('local', 0700, worker_user()),
            'rustdb.multi_host' => $alone ? 'off' : 'on'];
        $store = new self($sandbox, 'rustdb', $settings, worker_user(), null);
        return $alone ? $sandbox->keep($store) : $store;
    }

    /** @return array<string, mixed> rustdb_status() as a process sees it that has just opened the store */
    public function status(): array
    {
        return json_decode($this->php(self::OPEN . 'echo json_encode(rustdb_status());'), true, 512, JSON_THROW_ON_ERROR);
    }

    /** Waits until the disk has everything; a process that opens the store flushes what dead ones left. */
    public function flush(): void
    {
        if ($this->handler === 'rustdb') {
            $this->php(self::OPEN . '$end = microtime(true) + 20;
                while (rustdb_status()["buffer"]["unflushed"] > 0) {
                    if (microtime(true) > $end) { fwrite(STDERR, json_encode(rustdb_status())); exit(1); }
                    usleep(5000);
                }');
        }
    }

    /** Takes the shared memory away, as a reboot does. No process may be using the store. */
    public function remove_buffer(): void
    {
        if ($this->handler !== 'rustdb') {
            return;
        }
        try {
            $path = $this->status()['buffer']['path'];
        } catch (Failure $failure) {
            fwrite(STDERR, "cannot tell where the buffer of a test's store is: {$failure->getMessage()}\n");
            return;
        }
        // A directory under /dev/shm of its own, or files beside the store, which go with the sandbox.
        if (preg_match('~^(/dev/shm/rustdb-[^/]+)(/|$)~', (string) $path, $match)) {
            Sandbox::remove($match[1]);
        }
    }

    private function php(string $code): string
    {
        $ini = Php::ini($this->sandbox, $this->handler, ['rustdb.flush_interval' => 1, 'session.use_cookies' => 0,
            'session.cache_limiter' => '', 'error_log' => '', 'display_errors' => 'stderr'] + $this->settings, 'store-' . $this->user . '.ini');
        return Php::run($this->sandbox, $ini, ['-r', $code], $this->user, 30);
    }
}
