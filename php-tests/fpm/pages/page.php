<?php
/**
 * What the pages of the test site share. Every session carries the id and the virtual host it was made
 * for, a counter, and a payload that only they can have made; a page that finds anything else has been
 * handed another visitor's data or a damaged value, and says so with status 500.
 */

declare(strict_types=1);

if (PHP_SAPI === 'cli') {
    // A page on the command line: the query string is its argument.
    parse_str($argv[1] ?? '', $_GET);
    ini_set('session.use_cookies', '0');
    ini_set('session.cache_limiter', '');
    session_id($_GET['session']);
}

function answer(array $data): never
{
    if (PHP_SAPI !== 'cli') {
        header('Content-Type: application/json');
    }
    // The line end tells a whole answer from one that was cut off with its worker.
    echo json_encode($data + ['pid' => getmypid()]), "\n";
    exit;
}

/** Tells the test that this point has been reached, with our pid. Renamed into place: seen whole or not at all. */
function signal(string $name): void
{
    $file = dirname(__DIR__) . "/signals/$name";
    file_put_contents("$file.new", getmypid() . "\n");
    rename("$file.new", $file);
}

/** Waits until the test says go on; not for ever, should the test be gone. */
function await_release(string $name): void
{
    $deadline = microtime(true) + 40;
    while (!file_exists(dirname(__DIR__) . "/signals/$name.release") && microtime(true) < $deadline) {
        usleep(2000);
        clearstatcache();
    }
}

function payload(string $owner, int $n, int $size): string
{
    return substr(str_repeat(hash('sha256', "$owner $n"), intdiv($size, 64) + 1), 0, $size);
}

/** The id and the virtual host; servers without virtual hosts are the main site, whatever they call themselves. */
function owner(): string
{
    $host = $_SERVER['SERVER_NAME'] ?? '';
    return session_id() . '@' . (str_ends_with($host, '.test') ? $host : 'site.test');
}

/** Starts the session and makes sure that it is ours. Returns whether it had been there before. */
function open_session(bool $read_only = false): bool
{
    if (!session_start($read_only ? ['read_and_close' => true] : [])) {
        http_response_code(503);
        answer(['error' => 'session_start failed: ' . (error_get_last()['message'] ?? 'no message')]);
    }
    if ($_SESSION === []) {
        return false;
    }
    if ($_SESSION['owner'] !== owner() || $_SESSION['payload'] !== payload(owner(), $_SESSION['n'], strlen($_SESSION['payload']))) {
        http_response_code(500);
        answer(['error' => 'MIXED: ' . owner() . ' was handed ' . substr(serialize($_SESSION), 0, 300)]);
    }
    return true;
}

/** Counts the open session up, with a payload of $size bytes. */
function increment(int $size): int
{
    $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
    $_SESSION['owner'] = owner();
    $_SESSION['payload'] = payload(owner(), $_SESSION['n'], $size);
    return $_SESSION['n'];
}
