<?php
/**
 * All sessions of a user.
 *
 *   of=NAME    the sessions of that user
 *   end=all    ends them; end=others: all but that of the visitor who asks
 */

declare(strict_types=1);

require __DIR__ . '/page.php';

session_start();
$ended = isset($_GET['end']) ? rustdb_end_user_sessions($_GET['of'], $_GET['end'] === 'others') : 0;
$sessions = rustdb_user_sessions($_GET['of']);
session_write_close();
answer(['ended' => $ended, 'sessions' => $sessions]);
