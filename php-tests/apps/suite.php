<?php
/**
 * Real applications, scripted over HTTP. Each visit is a story whose steps are written down; with the
 * handler under test it has to read exactly as with `files`, and PHP's log has to stay empty.
 */

declare(strict_types=1);

require __DIR__ . '/../lib/all.php';
require __DIR__ . '/application.php';
require __DIR__ . '/dokuwiki.php';
require __DIR__ . '/phpmyadmin.php';
require __DIR__ . '/libraries.php';
require __DIR__ . '/mediawiki.php';
require __DIR__ . '/roundcube.php';

foreach (['DokuWiki' => visit_dokuwiki(...), 'phpMyAdmin' => visit_phpmyadmin(...)] as $name => $visit) {
    $with_files = null;
    test("$name with files", function (Sandbox $sandbox) use ($visit, &$with_files) {
        $with_files = $visit($sandbox, 'files')->steps;
        note(count($with_files) . ' steps');
    });
    test("$name with " . Php::handler() . ', the same in every step', function (Sandbox $sandbox) use ($visit, &$with_files) {
        $steps = $visit($sandbox, Php::handler())->steps;
        note(count($steps) . ' steps');
        check($with_files !== null, 'there is nothing to compare with: the visit with files did not succeed');
        check_same($with_files, $steps, 'steps');
    });
}
// The loop leaves what phpMyAdmin showed.
test('phpMyAdmin with a SessionSavePath, taken over, the same in every step', function (Sandbox $sandbox) use (&$with_files) {
    expect_taken($sandbox, 'files');
    check_same($with_files, visit_phpmyadmin($sandbox, 'rustdb', chooses_files: true)->steps, 'steps');
    check_same([], glob("$sandbox->path/phpmyadmin-sessions/*"), 'sessions in files');
});
test_libraries();
test_mediawiki();
test_roundcube();
Runner::finish();
