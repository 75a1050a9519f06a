<?php
/**
 * Processes that a test starts: each leads a process group of its own, so that it and everything it
 * forked can be ended together, and nothing else ever is.
 */

declare(strict_types=1);

final class Process
{
    public readonly int $pid;
    /** @var resource */
    private $handle;
    private ?int $exit = null;
    /** the process that run() is waiting for */
    private static ?int $foreground = null;

    /**
     * @param list<string> $command
     * @param string $output file that stdout and stderr are appended to
     * @param array<string, string> $environment added to that of the tests
     * @param ?string $user run as this user (only root can)
     */
    public function __construct(array $command, public readonly string $output, array $environment = [],
        ?string $user = null, ?string $directory = null)
    {
        // setsid executes its command in place: the pid is the command's and the leader of the group.
        $command = ['setsid', ...self::as_user($user), ...$command];
        $handle = proc_open($command, [['file', '/dev/null', 'r'], ['file', $output, 'a'], ['file', $output, 'a']],
            $pipes, $directory, $environment + getenv());
        if ($handle === false) {
            throw new Failure('cannot start ' . implode(' ', $command));
        }
        $this->handle = $handle;
        $this->pid = $this->look();
    }

    public function running(): bool
    {
        if ($this->exit === null) {
            $this->look();
        }
        return $this->exit === null;
    }

    /** Before PHP 8.3 only the first look after the end tells the exit status, so each look keeps it. */
    private function look(): int
    {
        $status = proc_get_status($this->handle);
        if (!$status['running']) {
            $this->exit = $status['signaled'] ? 128 + $status['termsig'] : $status['exitcode'];
        }
        return $status['pid'];
    }

    /** The exit status; 128 and the number for a signal, as in a shell. */
    public function wait(float $limit = 20): int
    {
        wait_until("process {$this->pid} has ended", fn () => !$this->running(), $limit);
        return $this->exit;
    }

    public function signal(int $signal): void
    {
        if ($this->running()) {
            posix_kill($this->pid, $signal);
        }
    }

    /** Asks with $signal, and after $patience ends the whole group whatever it is doing. */
    public function stop(int $signal = SIGTERM, float $patience = 5): void
    {
        $this->signal($signal);
        $deadline = microtime(true) + $patience;
        while ($this->running() && microtime(true) < $deadline) {
            usleep(2000);
        }
        // The group can outlive its leader, for example workers whose master was killed.
        posix_kill(-$this->pid, SIGKILL);
        while ($this->running()) {
            usleep(2000);
        }
    }

    /**
     * Processes whose parent is this one and whose command line holds $word. One that has ended and that its
     * parent has not noticed yet is among them only without a word: it has no command line any more.
     *
     * @return list<int>
     */
    public function children(string $word = ''): array
    {
        $found = [];
        foreach (glob('/proc/[0-9]*/stat') as $file) {
            // Name of the command in brackets, state, parent; the name itself may hold brackets and blanks.
            if (!preg_match('/^(\d+) \(.*\) [A-Z] (\d+)/s', (string) @file_get_contents($file), $field) || (int) $field[2] !== $this->pid) {
                continue;
            }
            if ($word === '' || str_contains((string) @file_get_contents("/proc/$field[1]/cmdline"), $word)) {
                $found[] = (int) $field[1];
            }
        }
        return $found;
    }

    /**
     * Runs a command to its end and returns its stdout; a failure or a hang fails the test.
     *
     * @param list<string> $command
     */
    public static function run(array $command, array $environment = [], ?string $user = null, float $limit = 60): string
    {
        $out = tmpfile();
        $err = tmpfile();
        $handle = proc_open(['setsid', ...self::as_user($user), ...$command], [['file', '/dev/null', 'r'], $out, $err],
            $pipes, null, $environment + getenv());
        $deadline = microtime(true) + $limit;
        while (($status = proc_get_status($handle))['running']) {
            self::$foreground = $status['pid'];
            if (microtime(true) > $deadline) {
                self::end_foreground();
                throw new Failure("no end after $limit s: " . implode(' ', $command));
            }
            usleep(1000);
        }
        self::$foreground = null;
        if ($status['signaled'] || $status['exitcode'] !== 0) {
            $how = $status['signaled'] ? "signal {$status['termsig']}" : "exit status {$status['exitcode']}";
            throw new Failure("$how of " . implode(' ', $command) . "\n"
                . substr(self::written($err) . self::written($out), -2000));
        }
        return self::written($out);
    }

    /**
     * All of a temporary file: read through another descriptor, because the one that the process inherited
     * shares its position with ours.
     *
     * @param resource $file
     */
    private static function written($file): string
    {
        return file_get_contents(stream_get_meta_data($file)['uri']);
    }

    /** Ends what run() is waiting for, when the program is interrupted meanwhile. */
    public static function end_foreground(): void
    {
        if (self::$foreground !== null) {
            posix_kill(-self::$foreground, SIGKILL);
            self::$foreground = null;
        }
    }

    /** @return list<string> words in front of a command that make it run as $user */
    public static function as_user(?string $user): array
    {
        if ($user === null || posix_geteuid() !== 0 || $user === 'root') {
            return [];
        }
        $entry = posix_getpwnam($user);
        check($entry !== false, "there is no user $user");
        return ['setpriv', "--reuid={$entry['uid']}", "--regid={$entry['gid']}", '--clear-groups', '--'];
    }
}

/** The user that PHP runs as in the tests: www-data where we may choose. */
function worker_user(): string
{
    return posix_geteuid() === 0 ? 'www-data' : posix_getpwuid(posix_geteuid())['name'];
}

/** A TCP port that was free a moment ago; whoever starts a server on it tries again if it was taken since. */
function free_port(): int
{
    $socket = stream_socket_server('tcp://127.0.0.1:0');
    $port = (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
    fclose($socket);
    return $port;
}
