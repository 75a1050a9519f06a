<?php
/**
 * What the processes of the crash tests do: `php work.php TASK JOB`, the job in JSON. Every session holds its own id,
 * a number, and filling that follows from both; content that does not fit ends the process with status 3.
 */

declare(strict_types=1);

[, $task, $job] = $argv;
$job = json_decode($job, true);

function fill(string $id, int $number, int $size): string
{
    return substr(str_repeat(md5("$id $number"), intdiv($size, 32) + 1), 0, $size);
}

/** Opens a session, locked; false if that fails. */
function enter(string $id): bool
{
    session_id($id);
    return session_start();
}

/** The number of the session in use; 0 for a new one. */
function number(string $id): int
{
    if ($_SESSION === []) {
        return 0;
    }
    $number = $_SESSION['number'] ?? -1;
    if (($_SESSION['id'] ?? '') !== $id || $_SESSION['fill'] !== fill($id, $number, strlen($_SESSION['fill']))) {
        fwrite(STDERR, "session $id holds " . substr(json_encode($_SESSION), 0, 300) . "\n");
        exit(3);
    }
    return $number;
}

function set(string $id, int $number, int $size): void
{
    $_SESSION = ['id' => $id, 'number' => $number, 'fill' => fill($id, $number, $size)];
}

/** Counts a session up by one; the new number, or null if that was refused. */
function count_up(string $id, int $size): ?int
{
    if (!enter($id)) {
        return null;
    }
    $number = number($id) + 1;
    set($id, $number, $size);
    // session_write_close() says true whatever happened; a failed write shows as a warning only.
    error_clear_last();
    return session_write_close() && error_get_last() === null ? $number : null;
}

function wait_for(string $file): void
{
    for ($end = microtime(true) + 60; !file_exists($file); usleep(2000)) {
        if (microtime(true) > $end) {
            fwrite(STDERR, "waited in vain for $file\n");
            exit(4);
        }
        clearstatcache();
    }
}

$size = $job['size'] ?? 500;
$answer = [];
switch ($task) {
    case 'count':
        // Every id once, in order; `pause` microseconds at the end, in which the background thread is at work.
        foreach ($job['ids'] as $id) {
            $answer[$id] = count_up($id, $size);
        }
        usleep($job['pause'] ?? 0);
        if ($job['look'] ?? false) {
            // The next session of a process tells the log what the background thread met.
            session_id('look');
            session_start(['read_and_close' => true]);
        }
        break;

    case 'read':
        foreach ($job['ids'] as $id) {
            $answer[$id] = enter($id) ? number($id) : null;
            session_abort();
        }
        break;

    case 'status':
        session_id('status');
        session_start(['read_and_close' => true]);
        $answer = rustdb_status();
        break;

    case 'phpinfo':
        session_id('phpinfo');
        session_start(['read_and_close' => true]);
        phpinfo(INFO_MODULES);
        exit(0);

    case 'interrupted':
        // Counts, runs a shell script, and counts once more.
        foreach ($job['ids'] as $id) {
            count_up($id, $size);
        }
        exec($job['script'], $output, $status);
        // A process looks once a second whether its buffer was deleted, in the background or here.
        for ($deadline = hrtime(true) + 10e9; !is_file(rustdb_status()['buffer']['path'] . '/header') && hrtime(true) < $deadline;) {
            usleep(10000);
            clearstatcache();
        }
        $answer = ['script' => $status, 'buffer' => null];
        foreach ($job['ids'] as $id) {
            $answer['numbers'][$id] = count_up($id, $size);
        }
        $answer['buffer'] = rustdb_status()['buffer'];
        break;

    case 'stay':
        // Counts, says so, and goes on counting the first id until it is told to end.
        foreach ($job['ids'] as $id) {
            $answer[$id] = count_up($id, $size);
        }
        touch($job['ready']);
        while (!file_exists($job['end'])) {
            $answer[$job['ids'][0]] = count_up($job['ids'][0], $size) ?? exit(5);
            usleep(5000);
            clearstatcache();
        }
        break;

    case 'orphan':
        // Holds a session, and dies while a child lives on, which later ends as PHP scripts do.
        enter($job['id']);
        set($job['id'], number($job['id']) + 1, $size);
        session_write_close();
        enter($job['id']);
        number($job['id']);
        $child = pcntl_fork();
        if ($child > 0) {
            wait_for($job['alive']);
            posix_kill(getmypid(), SIGKILL);
        }
        touch($job['alive']);
        wait_for($job['end']);
        $_SESSION = ['the' => 'child'];
        if ($job['how'] === 'close') {
            session_write_close();
        } elseif ($job['how'] === 'destroy') {
            session_destroy();
        }
        touch($job['ended']);
        exit(0);

    case 'forks':
        // Writes, forks while that is being flushed, and has the children write; all at once.
        $children = [];
        foreach ($job['children'] as $ids) {
            foreach ($job['ids'] as $id) {
                $answer[$id] = count_up($id, $size);
            }
            usleep(random_int(0, 12000));
            $child = pcntl_fork();
            if ($child === 0) {
                foreach ($ids as $id) {
                    if (count_up($id, $size) !== 1) {
                        exit(6);
                    }
                }
                usleep(random_int(0, 12000));
                exit(0);
            }
            $children[] = $child;
        }
        foreach ($children as $child) {
            pcntl_waitpid($child, $status);
            if ($status !== 0) {
                fwrite(STDERR, "a child ended with $status\n");
                exit(7);
            }
        }
        break;

    case 'exec':
        // Starts a program while a session is open; it tells which files it has inherited.
        enter($job['id']);
        exec('ls -l /proc/self/fd', $lines);
        $answer = preg_replace('/^.* -> /', '', $lines);
        break;

    case 'tour':
        // A little of everything, for valgrind.
        foreach ($job['ids'] as $id) {
            $answer[$id] = count_up($id, $size);
            enter($id);
            session_write_close();
        }
        session_id($job['ids'][0]);
        session_start(['read_and_close' => true]);
        session_id('');
        ini_set('session.use_strict_mode', '1');
        session_start();
        $_SESSION['a'] = str_repeat('x', 100000);
        session_regenerate_id();
        session_regenerate_id(true);
        session_reset();
        session_create_id();
        session_gc();
        $last = session_id();
        session_write_close();
        session_id($last);
        session_start();
        session_destroy();
        $handler = new SessionHandler();
        session_set_save_handler($handler, true);
        session_id('');
        session_start();
        $_SESSION['b'] = 1;
        session_write_close();
        @session_id('../bad');
        @session_start();
        session_abort();
        ob_start();
        phpinfo(INFO_MODULES);
        ob_end_clean();
        $child = pcntl_fork();
        if ($child === 0) {
            count_up('child', $size);
            exit(0);
        }
        pcntl_waitpid($child, $status);
        $answer['child'] = $status;
        $answer['status'] = is_array(rustdb_status());
        // The background thread is to flush at least once.
        for ($end = microtime(true) + 60; rustdb_status()['buffer']['unflushed'] > 0 && microtime(true) < $end;) {
            usleep(20000);
        }
        break;

    default:
        exit(2);
}
echo json_encode($answer), "\n";
