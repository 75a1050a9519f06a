<?php

declare(strict_types=1);

namespace Bench;

/**
 * Private Redis, memcached and MariaDB servers, started on first use. None writes to disk: that is their fastest setting.
 */
final class Servers
{
    public ?string $redisBinary;
    public ?string $memcachedBinary;
    public ?string $mariadbBinary;
    private ?string $redisSocket = null;
    private ?string $mariadbSocket = null;
    private int $mariadbPort = 0;
    private int $redisPort = 0;
    private int $memcachedPort = 0;

    public function __construct(private readonly Workspace $workspace)
    {
        $this->redisBinary = Process::find('redis-server');
        $this->memcachedBinary = Process::find('memcached');
        $this->mariadbBinary = Process::find('mariadb-install-db') === null ? null : Process::find('mariadbd');
    }

    public function redisSocket(): string
    {
        $this->startRedis();
        return $this->redisSocket;
    }

    public function redisPort(): int
    {
        $this->startRedis();
        return $this->redisPort;
    }

    private function startRedis(): void
    {
        if ($this->redisSocket !== null) {
            return;
        }
        $directory = $this->workspace->directory('tmpfs', 'redis');
        chmod($directory, 0711);
        $this->redisPort = self::freePort();
        $this->redisSocket = "$directory/redis.sock";
        $process = new Process([
            $this->redisBinary, '--port', (string) $this->redisPort, '--bind', '127.0.0.1',
            '--unixsocket', $this->redisSocket, '--unixsocketperm', '777',
            '--save', '', '--appendonly', 'no', '--dir', $directory, '--daemonize', 'no', '--logfile', "$directory/redis.log",
        ], "$directory/stderr.log");
        $process->awaits(fn () => file_exists($this->redisSocket) && self::answers($this->redisPort));
    }

    public function memcachedPort(): int
    {
        if ($this->memcachedPort === 0) {
            $this->memcachedPort = self::freePort();
            $command = [$this->memcachedBinary, '-l', '127.0.0.1', '-p', (string) $this->memcachedPort, '-m', '1024'];
            if ($this->workspace->webUser !== null) {
                array_push($command, '-u', $this->workspace->webUser);
            }
            $process = new Process($command, $this->workspace->tmpfs . '/memcached.log');
            $process->awaits(fn () => self::answers($this->memcachedPort));
        }
        return $this->memcachedPort;
    }

    public function mariadbSocket(): string
    {
        $this->startMariadb();
        return $this->mariadbSocket;
    }

    public function mariadbPort(): int
    {
        $this->startMariadb();
        return $this->mariadbPort;
    }

    /** Rows that MariaDB has inserted, changed or deleted since this was asked for the first time. */
    public function rowsWritten(): int
    {
        // It counts only from now on, so that the other suites do not pay for that.
        return (int) Process::output(['mariadb', '--no-defaults', "--socket={$this->mariadbSocket()}", '--user=root', '--skip-column-names', '-e',
            "SET GLOBAL userstat=1; SELECT SUM(ROWS_CHANGED) FROM information_schema.TABLE_STATISTICS WHERE TABLE_SCHEMA != 'mysql'"]);
    }

    /**
     * With a database for rustdb, and one for each framework with the table that its owner makes there. The user `bench` may do
     * everything in them, without a password.
     */
    private function startMariadb(): void
    {
        if ($this->mariadbSocket !== null) {
            return;
        }
        $directory = $this->workspace->directory('tmpfs', 'mariadb', $this->workspace->webUser !== null);
        $this->mariadbPort = self::freePort();
        $this->mariadbSocket = "$directory/mariadb.sock";
        $user = $this->workspace->webUser === null ? [] : ["--user={$this->workspace->webUser}"];
        $options = ["--datadir=$directory/data", '--innodb-flush-log-at-trx-commit=0', '--skip-log-bin', ...$user];
        Process::output(['mariadb-install-db', '--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', ...$options]);
        $statements = "CREATE USER bench@'%';\nCREATE USER bench@localhost;\n";
        foreach (['bench' => null] + Frameworks::TABLES as $database => $table) {
            $statements .= "CREATE DATABASE $database CHARACTER SET utf8mb4;\nGRANT ALL ON $database.* TO bench@'%';\n"
                . "GRANT ALL ON $database.* TO bench@localhost;\n" . ($table === null ? '' : "USE $database;\n$table;\n");
        }
        file_put_contents("$directory/init.sql", $statements);
        chmod("$directory/init.sql", 0644);
        $process = new Process([$this->mariadbBinary, '--no-defaults', "--socket=$this->mariadbSocket", '--bind-address=127.0.0.1',
            "--port=$this->mariadbPort", "--pid-file=$directory/pid", "--init-file=$directory/init.sql", ...$options], "$directory/stderr.log");
        $process->awaits(fn () => file_exists($this->mariadbSocket) && self::answers($this->mariadbPort));
        chmod($directory, 0711);
    }

    public static function freePort(): int
    {
        $listener = stream_socket_server('tcp://127.0.0.1:0');
        $port = (int) substr((string) strrchr(stream_socket_get_name($listener, false), ':'), 1);
        fclose($listener);
        return $port;
    }

    public static function answers(int $port): bool
    {
        $connection = @stream_socket_client("tcp://127.0.0.1:$port", $code, $message, 1);
        if ($connection === false) {
            return false;
        }
        fclose($connection);
        return true;
    }
}
