<?php
/**
 * A private php-fpm: pools of workers, each on a Unix socket of its own, started, reloaded, stopped and
 * watched by the tests.
 */

declare(strict_types=1);

final class Fpm
{
    private ?Process $master = null;

    /**
     * @param string $ini the php.ini of all pools
     * @param array<string, array{user?: string, directives?: array<string, string|int>, settings?: array<string, string|int>}> $pools
     *        by name: the user it runs as, directives of the pool, php_admin_values
     */
    public function __construct(private readonly Sandbox $sandbox, private readonly string $ini, private readonly array $pools,
        private readonly int $control_timeout = 10)
    {
        $text = "[global]\nerror_log = $sandbox->path/fpm.log\ndaemonize = no\nprocess_control_timeout = $control_timeout\n";
        foreach ($pools as $name => $pool) {
            $text .= "[$name]\nlisten = {$this->socket($name)}\nlisten.mode = 0666\nlisten.backlog = 511\n";
            $directives = ($pool['directives'] ?? []) + ['pm' => 'static', 'pm.max_children' => 4, 'catch_workers_output' => 'yes'];
            if (posix_geteuid() === 0) {
                $user = $pool['user'] ?? worker_user();
                $directives += ['user' => $user, 'group' => posix_getgrgid(posix_getpwnam($user)['gid'])['name']];
            }
            foreach ($directives as $key => $value) {
                $text .= "$key = $value\n";
            }
            foreach ($pool['settings'] ?? [] as $key => $value) {
                $text .= "php_admin_value[$key] = $value\n";
            }
        }
        file_put_contents("$sandbox->path/fpm.conf", $text);
        $this->start();
    }

    public function socket(string $pool = 'www'): string
    {
        return "{$this->sandbox->path}/fpm-$pool.sock";
    }

    public function start(): void
    {
        $this->master = $this->sandbox->start('fpm', [Php::fpm(), '--nodaemonize', '-c', $this->ini, '--fpm-config', "{$this->sandbox->path}/fpm.conf"]);
        $this->ready();
    }

    /** Every worker, or those of one pool. @return list<int> */
    public function workers(?string $pool = null): array
    {
        return $this->master->children($pool === null ? 'php-fpm: pool ' : "php-fpm: pool $pool");
    }

    /**
     * No worker is left, and the master knows it: with pm=ondemand it starts none for a request while it
     * believes that one is idle.
     */
    public function has_no_workers(): bool
    {
        return $this->master->children() === [];
    }

    /**
     * SIGUSR2: the master executes itself anew and starts fresh workers; requests that run may end.
     * A generator, for clients of run_clients().
     */
    public function reload(): Generator
    {
        $before = $this->workers();
        $this->master->signal(SIGUSR2);
        yield from until('php-fpm has reloaded', fn () => array_intersect($before, $this->workers()) === [] && count($this->workers()) >= count($before));
    }

    /**
     * SIGQUIT lets requests that run end, SIGTERM cuts them off; then the master ends.
     * A generator, like reload().
     */
    public function quit(int $signal = SIGQUIT): Generator
    {
        $this->master->signal($signal);
        yield from until('php-fpm has ended', fn () => !$this->master->running());
    }

    public function stop(): void
    {
        $this->master->signal(SIGQUIT);
        $this->master->wait();
    }

    private function ready(): void
    {
        wait_until('php-fpm listens', function () {
            check($this->master->running(), 'php-fpm ended: ' . file_get_contents($this->master->output));
            foreach (array_keys($this->pools) as $pool) {
                if (!@stream_socket_client('unix://' . $this->socket($pool), timeout: 1)) {
                    return false;
                }
            }
            return true;
        });
    }
}
