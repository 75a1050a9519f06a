<?php
/**
 * What rustdb shares with the systems whose tables it uses: their own classes, as Debian packages them (Illuminate,
 * Symfony) or by their statements (ProcessWire), on tables that they made themselves, in turn and side by side with
 * rustdb; and Symfony's session over rustdb, where it brings no handler of its own.
 */

declare(strict_types=1);

require __DIR__ . '/../lib/all.php';
require __DIR__ . '/owner.php';
require __DIR__ . '/shop.php';
foreach (['turns', 'expiry', 'columns', 'locks', 'together', 'symfony'] as $tests) {
    require __DIR__ . "/tests/$tests.php";
}
Runner::finish();
