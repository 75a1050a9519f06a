<?php
/**
 * Keeps what is posted as `text` in the session and answers with what was there before, for visitors who
 * compare it with what they remember themselves.
 */

declare(strict_types=1);

session_start();
$before = $_SESSION['text'] ?? null;
$_SESSION['text'] = $_POST['text'];
session_write_close();
header('Content-Type: application/json');
echo json_encode(['before' => $before, 'session' => session_id()]);
