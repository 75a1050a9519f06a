<?php
/**
 * What every test program of this directory includes first: strict error handling, the parts of the
 * library, and a check that the PHP which runs the tests has what they need.
 *
 * Environment:
 *   HANDLER                  session.save_handler under test: `rustdb` (default) or `files`
 *   RUSTDB_SO                the extension; default: target/release/librustdb.so of this tree
 *   PHP_CONFIG               php-config of the PHP under test; default: php-config
 *   PHP_FPM                  its php-fpm; default: found beside that PHP
 *   PHP_APACHE               its Apache module; default: Debian's
 *   RUSTDB_TESTS_ALLOW_SKIP  1: a missing package skips its tests instead of failing them
 *   RUSTDB_TESTS_KEEP        1: temporary directories stay, for a look at their logs
 */

declare(strict_types=1);

error_reporting(E_ALL);
ini_set('display_errors', 'stderr');
set_error_handler(function (int $level, string $message, string $file, int $line): bool {
    // An operator @ leaves only the fatal levels; such calls handle their failure themselves.
    if ((error_reporting() & $level) === 0) {
        return false;
    }
    throw new ErrorException($message, 0, $level, $file, $line);
});

foreach (['curl' => 'php-curl', 'posix' => 'php-cli', 'pcntl' => 'php-cli'] as $module => $package) {
    if (!extension_loaded($module)) {
        fwrite(STDERR, "The tests need PHP's $module module (package $package).\n");
        exit(2);
    }
}

require __DIR__ . '/runner.php';
require __DIR__ . '/process.php';
require __DIR__ . '/php.php';
require __DIR__ . '/sandbox.php';
require __DIR__ . '/store.php';
require __DIR__ . '/http.php';
require __DIR__ . '/load.php';
require __DIR__ . '/nginx.php';
require __DIR__ . '/fpm.php';
require __DIR__ . '/mariadb.php';
require __DIR__ . '/redis.php';
