<?php
/**
 * What happens when something goes wrong. Each file in tests/ holds one kind of failure; cli.php runs PHP on the
 * command line, if need be in a namespace of its own. tests/core.php runs the crash tests of the crate rustdb-core,
 * more often than `cargo test` does.
 */

declare(strict_types=1);

require __DIR__ . '/../lib/all.php';
require __DIR__ . '/cli.php';
foreach (['ending', 'forks', 'memory_place', 'containers', 'disk_full', 'directories', 'damage', 'valgrind', 'core'] as $tests) {
    require __DIR__ . "/tests/$tests.php";
}
Runner::finish();
