<?php
/*
 * What the page and the slow requests share: opening the session, the CSRF token, and asking the handler
 * what it did. Everything here is plain PHP session use and runs on any save handler; only the numbers of
 * the report come from rustdb_status().
 */
declare(strict_types=1);

const PRODUCTS = [
    'cup'   => ['name' => 'Espresso cup', 'price' => 9],
    'book'  => ['name' => 'Notebook', 'price' => 14],
    'lamp'  => ['name' => 'Desk lamp', 'price' => 39],
];

/** Opens the visitor's session and returns how many microseconds session_start() took as PHP saw it. */
function open_session(bool $readOnly = false): int
{
    $began = hrtime(true);
    $opened = session_start([
        'name' => 'rustdb_demo',
        'use_strict_mode' => true,
        'cookie_httponly' => true,
        'cookie_samesite' => 'Lax',
        'read_and_close' => $readOnly,
    ]);
    $took = intdiv(hrtime(true) - $began, 1000);
    if (!$opened) {
        http_response_code(503);
        header('Content-Type: text/plain');
        exit("The session could not be opened; PHP's error log says why.\n");
    }
    return $took;
}

/** Gives a new session what the page expects to find. */
function prepare_session(): void
{
    $_SESSION += ['token' => bin2hex(random_bytes(16)), 'name' => null, 'counter' => 0, 'basket' => []];
}

/** Whether the posted form came from a page of this session. */
function token_is_valid(): bool
{
    $sent = $_POST['token'] ?? null;
    return is_string($sent) && isset($_SESSION['token']) && hash_equals($_SESSION['token'], $sent);
}

/** What the handler did for the session this request used last; null on a handler that does not tell. */
function request_report(): ?array
{
    return function_exists('rustdb_status') ? rustdb_status()['request'] : null;
}
