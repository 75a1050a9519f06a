<?php
/**
 * The runner: a test is a name and a function that returns when the behaviour holds and throws when it
 * does not. Tests run at once, in the order of the file, print one line each, and the program ends with
 * `N passed, N failed` and an exit status that says the same.
 */

declare(strict_types=1);

/** The behaviour under test is not there. */
final class Failure extends Exception {}

/** The test cannot run here, for a reason that the person who runs it has accepted. */
final class Skipped extends Exception {}

final class Runner
{
    public static int $passed = 0;
    public static int $failed = 0;
    public static int $skipped = 0;
    /** @var list<string> what the running test measured; printed behind its name */
    public static array $notes = [];
    /** @var list<string> words from the command line; only tests whose name holds one of them run */
    public static array $only = [];

    public static function selected(string $name): bool
    {
        foreach (self::$only as $word) {
            if (stripos($name, $word) !== false) {
                return true;
            }
        }
        return self::$only === [];
    }

    /** Prints the closing line and ends the program. */
    public static function finish(): never
    {
        $line = self::$passed . ' passed, ' . self::$failed . ' failed';
        if (self::$skipped > 0) {
            $line .= ', ' . self::$skipped . ' skipped';
        }
        echo "$line\n";
        // Nothing run is no success: a misspelt filter must not look like a green suite.
        exit(self::$failed === 0 && self::$passed + self::$skipped > 0 ? 0 : 1);
    }
}

Runner::$only = array_slice($argv, 1);

/**
 * Runs one test in a sandbox of its own. Whatever the test started or created is gone afterwards,
 * and the logs of its servers are part of its verdict: see Sandbox::close().
 *
 * @param callable(Sandbox): void $body
 */
function test(string $name, callable $body): void
{
    if (!Runner::selected($name)) {
        return;
    }
    Runner::$notes = [];
    $started = hrtime(true);
    $sandbox = null;
    $problem = null;
    try {
        $sandbox = new Sandbox();
        $body($sandbox);
    } catch (Throwable $thrown) {
        $problem = $thrown;
    }
    try {
        $sandbox?->close($problem === null);
    } catch (Throwable $thrown) {
        $problem ??= $thrown;
    }

    $seconds = number_format((hrtime(true) - $started) / 1e9, 1);
    $notes = Runner::$notes === [] ? '' : '; ' . implode('; ', Runner::$notes);
    if ($problem === null) {
        Runner::$passed++;
        echo "ok    $name ($seconds s$notes)\n";
    } elseif ($problem instanceof Skipped) {
        Runner::$skipped++;
        echo "skip  $name: {$problem->getMessage()}\n";
    } else {
        Runner::$failed++;
        $where = $problem instanceof Failure ? '' : ' [' . get_class($problem) . ']';
        $trace = basename($problem->getFile()) . ':' . $problem->getLine();
        foreach ($problem->getTrace() as $frame) {
            if (isset($frame['file']) && !str_contains($frame['file'], '/lib/')) {
                $trace = basename($frame['file']) . ':' . $frame['line'];
                break;
            }
        }
        echo "FAIL  $name$where ($trace, $seconds s$notes)\n";
        echo preg_replace('/^/m', '        ', rtrim($problem->getMessage())), "\n";
    }
}

/** Adds a measured value to the test's line. It decides nothing. */
function note(string $text): void
{
    Runner::$notes[] = $text;
}

/** @param float[] $seconds */
function note_spread(string $what, array $seconds): void
{
    sort($seconds);
    if ($seconds !== []) {
        note(sprintf('%s: median %.0f ms, max %.0f ms of %d', $what,
            $seconds[intdiv(count($seconds), 2)] * 1000, end($seconds) * 1000, count($seconds)));
    }
}

function check(bool $holds, string $otherwise): void
{
    if (!$holds) {
        throw new Failure($otherwise);
    }
}

function check_same(mixed $expected, mixed $actual, string $what): void
{
    if ($expected !== $actual) {
        throw new Failure("$what: expected " . json_encode($expected) . ', found ' . json_encode($actual));
    }
}

/**
 * Polls until the condition gives something true, and returns that.
 * The limit is far above what a healthy system needs: it ends a hang, it measures nothing.
 */
function wait_until(string $what, callable $condition, float $limit = 20): mixed
{
    $deadline = microtime(true) + $limit;
    do {
        $result = $condition();
        if ($result) {
            return $result;
        }
        usleep(5000);
    } while (microtime(true) < $deadline);
    throw new Failure("waited $limit s in vain until $what");
}

/** Fails the test for want of a package, or skips it where that has been allowed. */
function missing_package(string $package): never
{
    if (getenv('RUSTDB_TESTS_ALLOW_SKIP') === '1') {
        throw new Skipped("package $package is not installed");
    }
    throw new Failure("package $package is not installed (RUSTDB_TESTS_ALLOW_SKIP=1 skips such tests)");
}
