<?php
/** A private MariaDB, on a Unix socket and, where a port is given, on TCP. */

declare(strict_types=1);

final class MariaDb
{
    public readonly string $socket;
    private readonly string $data;
    private Process $process;

    /** Makes its files, starts it, and runs `$sql` as its administrator. */
    public function __construct(private readonly Sandbox $sandbox, string $sql, private readonly int $port = 0)
    {
        foreach (['mariadb-install-db' => 'mariadb-server', 'mariadbd' => 'mariadb-server', 'mariadb' => 'mariadb-client'] as $binary => $package) {
            if (!is_executable("/usr/bin/$binary") && !is_executable("/usr/sbin/$binary")) {
                missing_package($package);
            }
        }
        $this->data = $sandbox->directory('mariadb', 0700, worker_user());
        // The directory of the data is its user's alone; the socket is for everybody in the test.
        $this->socket = $sandbox->directory('mariadb-socket', 0755, worker_user()) . '/mariadb.sock';
        Process::run(['mariadb-install-db', '--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db',
            ...$this->options()], user: worker_user());
        $this->start();
        $this->execute($sql);
    }

    public function start(): void
    {
        $network = $this->port === 0 ? ['--skip-networking'] : ['--bind-address=127.0.0.1', "--port=$this->port"];
        $this->process = $this->sandbox->start('mariadb', ['/usr/sbin/mariadbd', '--no-defaults', "--socket=$this->socket",
            "--pid-file=$this->data/pid", '--performance-schema=OFF', ...$network, ...$this->options()], user: worker_user());
        wait_until('MariaDB listens', function () {
            check($this->process->running(), 'MariaDB ended: ' . file_get_contents($this->process->output));
            return @stream_socket_client("unix://$this->socket", timeout: 1);
        }, 60);
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

    /** Runs statements as the administrator; returns what they print, one row a line. */
    public function execute(string $sql): string
    {
        return Process::run(['mariadb', '--no-defaults', "--socket=$this->socket", '--user=root', '--batch', '--skip-column-names', '-e', $sql]);
    }

    /** Small, and without waiting for the disk: what is committed survives the end of the server, not of the machine. @return list<string> */
    private function options(): array
    {
        return ["--datadir=$this->data", "--tmpdir=$this->data", '--innodb-buffer-pool-size=16M', '--innodb-log-file-size=8M',
            '--innodb-flush-log-at-trx-commit=2', '--skip-log-bin'];
    }
}
