<?php
/**
 * Logs in and out, and answers when the session has been written and closed. It looks at nothing but what it is asked to
 * do, so that the id may change.
 *
 *   do=view       the default
 *   do=read       with read_and_close
 *   do=log-in     replaces the id, and notes the user
 *   do=log-out    ends the session, and starts another one at once, as UserFrosting does
 *   do=end        only ends the session
 *   add=NAME      notes NAME in the session
 *   count=1       counts up
 *   collect=1     collects garbage
 *   hold=NAME     signals NAME inside the session, and goes on when the test releases NAME
 *   before=NAME   signals NAME just before session_start
 *   lifetime=N, cookie=N, expire=N   session.gc_maxlifetime, session.cookie_lifetime, session_cache_expire()
 */

declare(strict_types=1);

require __DIR__ . '/page.php';

foreach (['lifetime' => 'session.gc_maxlifetime', 'cookie' => 'session.cookie_lifetime'] as $name => $entry) {
    if (isset($_GET[$name])) {
        ini_set($entry, $_GET[$name]);
    }
}
if (isset($_GET['expire'])) {
    session_cache_limiter('private');
    session_cache_expire((int) $_GET['expire']);
}
if (isset($_GET['before'])) {
    signal($_GET['before']);
}
$do = $_GET['do'] ?? 'view';
if (!session_start($do === 'read' ? ['read_and_close' => true] : [])) {
    http_response_code(503);
    answer(['error' => 'session_start failed: ' . (error_get_last()['message'] ?? 'no message')]);
}
$found = $_SESSION;
if ($do === 'log-in') {
    session_regenerate_id(true);
    $_SESSION['user'] = 'emma';
} elseif ($do === 'log-out') {
    session_destroy();
    session_start();
    $found = $_SESSION;
    $_SESSION['guest'] = 1;
} elseif ($do === 'end') {
    session_destroy();
}
if (isset($_GET['hold'])) {
    signal($_GET['hold']);
    await_release($_GET['hold']);
}
if (isset($_GET['add'])) {
    $_SESSION[$_GET['add']] = 1;
}
if (isset($_GET['count'])) {
    $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
}
$collected = isset($_GET['collect']) ? session_gc() : null;
$left = $_SESSION;
$id = session_id();
if (session_status() === PHP_SESSION_ACTIVE) {
    session_write_close();
}
answer(['found' => $found, 'left' => $left, 'session' => $id, 'collected' => $collected]);
