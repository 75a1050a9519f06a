<?php
/** Reads a session with read_and_close. */

declare(strict_types=1);

require __DIR__ . '/page.php';

$known = open_session(read_only: true);
answer(['n' => $_SESSION['n'] ?? 0, 'known' => $known, 'session' => session_id()]);
