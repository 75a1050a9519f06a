<?php
/**
 * Sessions under real web servers. Each file in tests/ holds one kind of behaviour; pages/ is the site
 * that they visit; site.php sets it up.
 */

declare(strict_types=1);

require __DIR__ . '/../lib/all.php';
require __DIR__ . '/site.php';
require __DIR__ . '/ledger.php';
require __DIR__ . '/replaced.php';
require __DIR__ . '/users.php';
require __DIR__ . '/apache.php';
foreach (['counting', 'waiting', 'killed', 'ended', 'reloading', 'isolation', 'same_user', 'handlers', 'uploading', 'replaced', 'users'] as $tests) {
    require __DIR__ . "/tests/$tests.php";
}
Runner::finish();
