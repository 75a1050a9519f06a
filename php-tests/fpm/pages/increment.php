<?php
/**
 * Counts a session up and answers only when the session has been written and closed: a number that a
 * client has seen is acknowledged, and must never be lost.
 *
 *   size=BYTES   of the payload
 *   times=N      that many start and close cycles, on the command line
 *   hold=NAME    signals NAME inside the session, and goes on when the test releases NAME
 *   before=NAME  signals NAME just before session_start
 */

declare(strict_types=1);

require __DIR__ . '/page.php';

if (isset($_GET['before'])) {
    signal($_GET['before']);
}
$size = (int) ($_GET['size'] ?? 100);
for ($i = (int) ($_GET['times'] ?? 1); $i > 0; $i--) {
    $known = open_session();
    $n = increment($size);
    if (isset($_GET['hold'])) {
        signal($_GET['hold']);
        await_release($_GET['hold']);
    }
    session_write_close();
}
answer(['n' => $n, 'known' => $known, 'session' => session_id()]);
