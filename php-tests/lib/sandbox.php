<?php
/**
 * The private corner of one test: a temporary directory, the processes started in it and the stores made
 * in it. All of it is taken away when the test ends, also when it failed or the program was interrupted.
 */

declare(strict_types=1);

final class Sandbox
{
    public readonly string $path;
    /** Every PHP process of the sandbox logs here; a line that no test expected fails the test. */
    public readonly string $php_log;
    private readonly int $owner_process;
    /** @var list<Process> */
    private array $processes = [];
    /** @var list<Store> */
    private array $stores = [];
    /** @var list<string> patterns of log lines that belong to the behaviour under test */
    private array $expected = [];
    /** @var list<string> patterns of log lines that an application may cause by itself */
    private array $allowed = [];
    private ?string $modules = null;
    private ?string $extension = null;
    private bool $closed = false;

    public function __construct()
    {
        $this->owner_process = getmypid();
        $this->path = realpath(sys_get_temp_dir()) . '/rustdb-test-' . bin2hex(random_bytes(4));
        mkdir($this->path);
        // Workers of another user look into it, whatever the umask of the tests is.
        chmod($this->path, 0755);
        $this->php_log = "$this->path/php.log";
        touch($this->php_log);
        chmod($this->php_log, 0666);
        register_shutdown_function(fn () => $this->close(false));
    }

    public function directory(string $name, int $mode = 0755, ?string $owner = null): string
    {
        $path = "$this->path/$name";
        if (!is_dir($path)) {
            mkdir($path);
        }
        if ($owner !== null && posix_geteuid() === 0) {
            chown($path, $owner);
            chgrp($path, posix_getpwnam($owner)['gid']);
        }
        chmod($path, $mode);
        return $path;
    }

    /** A copy of the extension that every user can read, and that a build next door cannot replace midway. */
    public function extension(): string
    {
        if ($this->extension === null) {
            $this->extension = "$this->path/rustdb.so";
            copy(Php::extension(), $this->extension);
            chmod($this->extension, 0755);
        }
        return $this->extension;
    }

    /** @return array<string, string> what a PHP process of the sandbox needs in its environment */
    public function environment(): array
    {
        $this->modules ??= Php::module_directory($this);
        return ['PHP_INI_SCAN_DIR' => $this->modules, 'TMPDIR' => $this->directory('tmp', 01777)];
    }

    public function start(string $name, array $command, array $environment = [], ?string $user = null, ?string $directory = null): Process
    {
        return $this->processes[] = new Process($command, "$this->path/$name.out", $environment + $this->environment(), $user, $directory);
    }

    /** Keeps a store in mind, so that its shared memory goes with the sandbox. */
    public function keep(Store $store): Store
    {
        return $this->stores[] = $store;
    }

    /** The test wants these lines in PHP's log (a pattern); without one it fails. */
    public function expect_logged(string $pattern): void
    {
        $this->expected[] = $pattern;
    }

    /** PHP's log may have such lines, and need not: an application's own, which come now and then. */
    public function allow_logged(string $pattern): void
    {
        $this->allowed[] = $pattern;
    }

    /**
     * Ends everything. After a test that passed so far, the logs are looked at too: a PHP warning that
     * nobody expected, or a PHP process that crashed, is a failure whatever the pages said.
     */
    public function close(bool $judge): void
    {
        // A forked child ends through the shutdown functions as well; nothing here is its own.
        if ($this->closed || getmypid() !== $this->owner_process) {
            return;
        }
        Process::end_foreground();
        foreach (array_reverse($this->processes) as $process) {
            $process->stop();
        }
        $verdict = $judge ? $this->verdict() : null;
        foreach ($this->stores as $store) {
            $store->remove_buffer();
        }
        if (getenv('RUSTDB_TESTS_KEEP') === '1') {
            echo "      kept: $this->path\n";
        } else {
            self::remove($this->path);
        }
        // Only now: an interruption on the way here leads here again.
        $this->closed = true;
        if ($verdict !== null) {
            throw new Failure($verdict);
        }
    }

    private function verdict(): ?string
    {
        $lines = file($this->php_log, FILE_IGNORE_NEW_LINES | FILE_SKIP_EMPTY_LINES);
        foreach ($this->expected as $pattern) {
            $rest = preg_grep($pattern, $lines, PREG_GREP_INVERT);
            if (count($rest) === count($lines)) {
                return "PHP's log lacks a line like $pattern:\n" . implode("\n", array_slice($lines, 0, 10));
            }
            $lines = $rest;
        }
        foreach ($this->allowed as $pattern) {
            $lines = preg_grep($pattern, $lines, PREG_GREP_INVERT);
        }
        if ($lines !== []) {
            return count($lines) . " unexpected lines in PHP's log, the first:\n" . implode("\n", array_slice($lines, 0, 10));
        }
        foreach (glob("$this->path/*.log") as $log) {
            // Tests end workers by KILL, TERM and QUIT; every other signal is a crash.
            $crashes = preg_grep('/exited on signal (?!9\b|15\b|3\b)\d+|exit signal (?!Killed|Terminated)/i', file($log, FILE_IGNORE_NEW_LINES));
            if ($crashes !== []) {
                return basename($log) . " tells of a crash:\n" . implode("\n", array_slice($crashes, 0, 5));
            }
        }
        return null;
    }

    public static function remove(string $path): void
    {
        if (is_link($path) || !is_dir($path)) {
            @unlink($path);
            return;
        }
        foreach (array_diff(scandir($path), ['.', '..']) as $name) {
            self::remove("$path/$name");
        }
        @rmdir($path);
    }
}

// Interrupted programs take the ordinary way out, through the shutdown functions.
pcntl_async_signals(true);
foreach ([SIGINT, SIGTERM, SIGHUP] as $signal) {
    pcntl_signal($signal, fn () => exit(130));
}
