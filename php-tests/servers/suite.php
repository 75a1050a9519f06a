<?php
/**
 * Sessions on a server that several machines share. A machine is a php-fpm with a directory of its own for what it keeps
 * locally, locks included, so only servers stand between two of them. Most tests run for every kind of server.
 */

declare(strict_types=1);

require __DIR__ . '/../lib/all.php';
require __DIR__ . '/../fpm/site.php';
require __DIR__ . '/../fpm/ledger.php';
require __DIR__ . '/../fpm/replaced.php';
require __DIR__ . '/../fpm/users.php';
require __DIR__ . '/machines.php';
require __DIR__ . '/standby.php';
foreach (['sharing', 'failing', 'alone', 'switching', 'standby', 'chain', 'replaced', 'moving', 'users'] as $tests) {
    require __DIR__ . "/tests/$tests.php";
}
Runner::finish();
