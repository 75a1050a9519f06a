<?php
/** Receives a file, and tells what the session says of its progress now that it has arrived. */

declare(strict_types=1);

require __DIR__ . '/page.php';

session_start();
$file = $_FILES['file'];
$progress = $_SESSION['upload_progress_test'] ?? null;
answer(['size' => $file['size'], 'error' => $file['error'], 'sum' => hash_file('sha256', $file['tmp_name']),
    'kept' => $_SESSION['kept'] ?? null, 'progress' => $progress]);
