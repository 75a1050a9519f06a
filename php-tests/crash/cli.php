<?php
/**
 * PHP on the command line as a test's visitor: each run is a process of its own, which opens the store, does some
 * work and ends. Runs can be put into a mount or PID namespace of their own, as a shell script in front of them.
 */

declare(strict_types=1);

/** How a process ended and what it printed. */
final class Outcome
{
    public function __construct(public readonly string $command, public readonly int $exit, public readonly string $output)
    {
    }

    /** What it printed, as JSON, of a run that must have ended well. */
    public function json(): mixed
    {
        check_same(0, $this->exit, "exit status of $this->command, which printed " . substr($this->output, -1000));
        return json_decode($this->output, true, 512, JSON_THROW_ON_ERROR);
    }
}

final class Cli
{
    public readonly Store $store;
    private readonly string $work;
    private int $runs = 0;

    /** @param array<string, string|int> $settings php.ini settings beside those that select the store */
    public function __construct(public readonly Sandbox $sandbox, private readonly array $settings = [], ?Store $store = null)
    {
        if (Php::handler() !== 'rustdb') {
            throw new Skipped('these failures are those of rustdb');
        }
        $this->store = $store ?? Store::fresh($sandbox);
        $this->work = "$sandbox->path/work.php";
        copy(__DIR__ . '/work.php', $this->work);
        chmod($this->work, 0644);
    }

    /**
     * The command line of a run of work.php.
     *
     * @param array<string, mixed> $job see work.php
     * @param array<string, string|int> $settings more php.ini settings
     * @return list<string>
     */
    public function command(string $task, array $job = [], array $settings = [], ?string $user = null): array
    {
        $settings += $this->settings + $this->store->settings
            + ['session.use_cookies' => 0, 'session.cache_limiter' => '', 'session.gc_maxlifetime' => 7200];
        $ini = Php::ini($this->sandbox, 'rustdb', $settings, 'cli' . ++$this->runs . '.ini');
        return [...Process::as_user($user ?? $this->store->user), Php::cli(), '-c', $ini, $this->work, $task, json_encode((object) $job)];
    }

    public function run(string $task, array $job = [], array $settings = [], float $limit = 60): Outcome
    {
        return $this->execute($this->command($task, $job, $settings), $limit);
    }

    public function start(string $task, array $job = [], array $settings = []): Process
    {
        $command = $this->command($task, $job, $settings);
        return $this->sandbox->start("run$this->runs", $command);
    }

    /** @param list<string> $command */
    public function execute(array $command, float $limit = 60): Outcome
    {
        $process = $this->sandbox->start('run' . ++$this->runs, $command);
        $exit = $process->wait($limit);
        return new Outcome(implode(' ', $command), $exit, file_get_contents($process->output));
    }

    /**
     * Runs a shell script as root in namespaces of its own; its words "$1", "$2", … are quoted commands for `sh -c`.
     *
     * @param list<string> $namespaces options of unshare(1)
     * @param list<list<string>> $commands
     */
    public function unshare(array $namespaces, string $script, array $commands, float $limit = 60): Outcome
    {
        need_namespaces();
        $words = array_map(fn (array $command) => implode(' ', array_map('escapeshellarg', $command)), $commands);
        return $this->execute(['unshare', ...$namespaces, 'sh', '-eu', '-c', $script, 'sh', ...$words], $limit);
    }

    /** Brings everything to the disk and takes the memory away, as a reboot does. */
    public function reboot(): void
    {
        $this->store->flush();
        $this->store->remove_buffer();
    }

    /**
     * Checks that every session is there with its own content.
     *
     * @param array<string, int> $expected numbers by id
     */
    public function check_sessions(array $expected, string $when): void
    {
        $found = $this->run('read', ['ids' => array_map('strval', array_keys($expected))])->json();
        foreach ($expected as $id => $number) {
            check_same($number, $found[$id], "session $id $when");
        }
    }

    /** @return list<string> */
    public static function ids(string $prefix, int $count): array
    {
        return array_map(fn ($number) => "$prefix-$number-" . bin2hex(random_bytes(8)), range(1, $count));
    }
}

/** Mounting needs root's rights in a mount namespace, which containers often forbid. */
function need_namespaces(): void
{
    static $allowed = null;
    if ($allowed === null) {
        exec('unshare --mount --pid --fork --mount-proc true 2>&1', $lines, $status);
        $allowed = $status === 0;
    }
    if (!$allowed) {
        throw new Skipped('needs root and the right to make namespaces');
    }
}

function need_root(): void
{
    if (posix_geteuid() !== 0) {
        throw new Skipped('needs root, to act as two users');
    }
}
