<?php

// A measured process: reads one command a line from stdin, answers one line on stdout, ends with stdin.
// It prints with fwrite only: PHP's own output would count as sent headers, and sessions would refuse to start.

declare(strict_types=1);

require __DIR__ . '/cycles.php';
require __DIR__ . '/contender.php';
require __DIR__ . '/population.php';
require __DIR__ . '/admin.php';
require __DIR__ . '/frameworks.php';

// A warning of a save handler is a failed measurement, not a slow one.
set_error_handler(static function (int $level, string $message): bool {
    throw new RuntimeException($message);
});

/** Settings of sessions can only be changed while none is open. */
function started(): void
{
    if (!session_start()) {
        throw new RuntimeException('session_start() failed');
    }
}

/** What one session holds: a counter, and text of the given size that no compression of a server's could shrink much. */
function payload(int $size): string
{
    return substr(base64_encode(random_bytes($size)), 0, max(0, $size - 24));
}

/** Waits until rustdb has brought everything to disk, so that its work in the background is not charged to the next peer. */
function settle(): array
{
    $begun = hrtime(true);
    if (function_exists('rustdb_status')) {
        while (rustdb_status()['buffer']['unflushed'] > 0) {
            if (hrtime(true) - $begun > 60_000_000_000) {
                throw new RuntimeException('sessions were not flushed within 60 seconds');
            }
            usleep(10_000);
        }
    }
    return ['ms' => (hrtime(true) - $begun) / 1e6];
}

/** What rustdb says of itself, and how often this process has written to any file. */
function status(): array
{
    preg_match('/^syscw: (\d+)/m', (string) file_get_contents('/proc/self/io'), $writes);
    return ['rustdb' => function_exists('rustdb_status') ? rustdb_status() : null, 'writes' => (int) $writes[1]];
}

if (($framework = get_cfg_var('bench.framework')) !== false) {
    useFramework($framework);
}
$cycles = new Cycles();
$contender = new Contender();
$population = new Population();
$admin = new Admin();

while (($line = fgets(STDIN)) !== false) {
    $command = json_decode($line, true);
    $do = $command['do'];
    unset($command['do']);
    try {
        $answer = match ($do) {
            'prepare' => $cycles->prepare(...$command),
            'cycle' => $cycles->run(...$command),
            'exactly' => $cycles->exactly(...$command),
            'sweep' => $cycles->sweep(),
            'hold' => $contender->hold(...$command),
            'release' => $contender->release(...$command),
            'queue' => $contender->queue(...$command),
            'count' => $contender->count(...$command),
            'fill' => $population->fill(...$command),
            'modify' => $population->modify(...$command),
            'expire' => $population->expire(...$command),
            'collect' => $population->collect(),
            'login' => $admin->login(...$command),
            'view' => $admin->view(...$command),
            'logout' => $admin->logout(...$command),
            'check' => $admin->check(),
            'settle' => settle(),
            'status' => status(),
        };
    } catch (Throwable $failure) {
        if (session_status() === PHP_SESSION_ACTIVE) {
            try {
                session_abort();
            } catch (Throwable) {
                // The first failure is the one to report.
            }
        }
        $answer = ['error' => $failure->getMessage()];
    }
    fwrite(STDOUT, json_encode($answer) . "\n");
}
