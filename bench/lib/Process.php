<?php

declare(strict_types=1);

namespace Bench;

/**
 * A process that this run started, and therefore ends. Ended by its own id, never by name.
 */
final class Process
{
    /** @var array<int, self> */
    private static array $running = [];
    private static ?bool $deathSignal = null;
    /** On which all of them run that name no other, or null: wherever the kernel wants. */
    public static ?int $processor = null;

    /** @var resource */
    private $handle;
    /** @var resource */
    public readonly mixed $stdin;
    /** @var resource */
    public readonly mixed $stdout;

    /**
     * @param list<string> $command
     * @param array<string, string> $environment on top of a minimal one: no proxy, locale or PHP variable of the caller's gets in
     * @param list<int> $processors on which it runs; empty: as said for all
     */
    public function __construct(public readonly array $command, public readonly string $log, array $environment = [], array $processors = [])
    {
        // Should this script be killed outright, the kernel ends what it started.
        self::$deathSignal ??= is_executable('/usr/bin/setpriv');
        $prefix = self::$deathSignal ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM', '--'] : [];
        if (self::$processor !== null) {
            $processors = [self::$processor];
        }
        array_push($prefix, ...self::pinned($processors));
        $handle = proc_open(
            [...$prefix, ...$command],
            [['pipe', 'r'], ['pipe', 'w'], ['file', $log, 'a']],
            $pipes,
            null,
            ['PATH' => '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', 'LC_ALL' => 'C', ...$environment],
        );
        if ($handle === false) {
            throw new \RuntimeException('cannot start ' . basename($command[0]));
        }
        $this->handle = $handle;
        [$this->stdin, $this->stdout] = $pipes;
        self::$running[spl_object_id($this)] = $this;
    }

    /**
     * What to put before a command that shall run on these processors.
     *
     * @param list<int> $processors empty: on any
     * @return list<string>
     */
    public static function pinned(array $processors): array
    {
        return $processors === [] ? [] : [self::find('taskset') ?? 'taskset', '-c', implode(',', $processors)];
    }

    public function id(): int
    {
        return proc_get_status($this->handle)['pid'];
    }

    public function alive(): bool
    {
        return proc_get_status($this->handle)['running'];
    }

    /** The last lines it wrote to its log, for an error message. */
    public function complaint(): string
    {
        $lines = array_filter(explode("\n", trim((string) file_get_contents($this->log))));
        return implode(' | ', array_slice($lines, -3));
    }

    /** Waits until `$ready` holds; fails as soon as the process is gone. */
    public function awaits(callable $ready, float $seconds = 10): void
    {
        $deadline = microtime(true) + $seconds;
        while (!$ready()) {
            if (!$this->alive() || microtime(true) > $deadline) {
                throw new \RuntimeException(basename($this->command[0]) . ' did not start: ' . $this->complaint());
            }
            usleep(10_000);
        }
    }

    /** TERM, and KILL only for a process that ignores it for five seconds. */
    public function stop(): void
    {
        if (!isset(self::$running[spl_object_id($this)])) {
            return;
        }
        unset(self::$running[spl_object_id($this)]);
        fclose($this->stdin);
        proc_terminate($this->handle);
        $deadline = microtime(true) + 5;
        while ($this->alive()) {
            if (microtime(true) > $deadline) {
                proc_terminate($this->handle, 9);
                $deadline = PHP_INT_MAX;
            }
            usleep(2_000);
        }
        fclose($this->stdout);
        proc_close($this->handle);
    }

    public static function stopAll(): void
    {
        foreach (array_reverse(self::$running) as $process) {
            $process->stop();
        }
    }

    /**
     * Runs a short command and returns what it printed.
     *
     * @param list<string> $command
     */
    public static function output(array $command): string
    {
        $handle = proc_open($command, [['file', '/dev/null', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes);
        $printed = (string) stream_get_contents($pipes[1]);
        $complaint = (string) stream_get_contents($pipes[2]);
        $status = proc_close($handle);
        if ($status !== 0) {
            throw new \RuntimeException(basename($command[0]) . " ended with status $status: " . trim($complaint ?: $printed));
        }
        return $printed;
    }

    /** The full path of a command, or null when it is not installed. */
    public static function find(string $name): ?string
    {
        foreach (['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'] as $directory) {
            if (is_executable("$directory/$name")) {
                return "$directory/$name";
            }
        }
        return null;
    }
}
