<?php
/*
 * One slow request. It works for a second with the session open, and answers when it came in, when it had the
 * session and when it was done, as JSON. With read_only=1 it opens the session with read_and_close, takes no
 * lock and changes nothing.
 */
declare(strict_types=1);
require __DIR__ . '/session.php';

const WORK_SECONDS = 1;

$arrived = microtime(true);
$readOnly = ($_POST['read_only'] ?? '') === '1';
open_session($readOnly);
$opened = microtime(true);

header('Content-Type: application/json');
if (!token_is_valid()) {
    http_response_code(403);
    exit(json_encode(['error' => 'This page has expired. Reload it and try again.']));
}

sleep(WORK_SECONDS);
if (!$readOnly) {
    $_SESSION['counter']++;
    session_write_close();
}

echo json_encode([
    'arrived' => $arrived,
    'opened' => $opened,
    'finished' => microtime(true),
    'counter' => $_SESSION['counter'],
    'report' => request_report(),
]);
