<?php
/** How far the upload of this session is, asked while it runs; `keep` puts something else into the session. */

declare(strict_types=1);

require __DIR__ . '/page.php';

session_start();
if (isset($_GET['keep'])) {
    $_SESSION['kept'] = $_GET['keep'];
}
$progress = $_SESSION['upload_progress_test'] ?? null;
session_write_close();
answer(['progress' => $progress]);
