<?php
/** A private Redis, on a Unix socket and on TCP. */

declare(strict_types=1);

final class RedisServer
{
    public readonly string $socket;
    public readonly int $port;
    private Process $process;

    /** @param list<string> $options of redis-server */
    public function __construct(private readonly Sandbox $sandbox, private readonly array $options = [],
        private readonly string $name = 'redis')
    {
        if (!is_executable('/usr/bin/redis-server')) {
            missing_package('redis-server');
        }
        $this->socket = $sandbox->directory($name, 0755, worker_user()) . '/redis.sock';
        $this->port = free_port();
        $this->start();
    }

    public function start(): void
    {
        $this->process = $this->sandbox->start($this->name, ['redis-server', '--port', (string) $this->port, '--bind', '127.0.0.1',
            '--unixsocket', $this->socket, '--unixsocketperm', '777', '--dir', dirname($this->socket), '--daemonize', 'no',
            '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', ...$this->options], user: worker_user());
        wait_until('Redis listens', function () {
            check($this->process->running(), 'Redis ended: ' . file_get_contents($this->process->output));
            return @stream_socket_client("unix://$this->socket", timeout: 1);
        });
    }

    public function signal(int $signal): void
    {
        $this->process->signal($signal);
    }

    /** Ends it as a crash does. */
    public function kill(): void
    {
        $this->process->stop(SIGKILL);
    }

    /** What redis-cli prints of a command. */
    public function execute(string ...$command): string
    {
        return rtrim(Process::run(['redis-cli', '-s', $this->socket, ...$command]), "\n");
    }
}
