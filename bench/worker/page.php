<?php

// The page that php-fpm serves: a visit is counted in a session of about 1 KiB. `?status` shows the handler's own figures.

declare(strict_types=1);

if (isset($_GET['status'])) {
    header('Content-Type: application/json');
    echo json_encode(function_exists('rustdb_status') ? rustdb_status() : null);
    return;
}
set_error_handler(static function (int $level, string $message): bool {
    // wrk counts every answer that is no success.
    http_response_code(500);
    echo $message;
    exit;
});
if (!session_start()) {
    throw new RuntimeException('session_start() failed');
}
$_SESSION['body'] ??= substr(base64_encode(random_bytes(1024)), 0, 1000);
if (!isset($_GET['look'])) {
    $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
}
$visits = $_SESSION['n'];
session_write_close();
echo $visits;
