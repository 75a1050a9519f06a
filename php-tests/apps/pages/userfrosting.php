<?php
/**
 * Illuminate's handlers as UserFrosting wires them: an object registered with `true`, a new id at the log in, and a log
 * out that destroys the session with its cookie and starts another one for its farewell.
 *
 * ?handler=file|database  ?do=look|count|log-in|log-out
 */

declare(strict_types=1);

require '/usr/share/php/Illuminate/Session/autoload.php';
require '/usr/share/php/Illuminate/Filesystem/autoload.php';
require '/usr/share/php/Illuminate/Database/autoload.php';

$data = __DIR__ . '/data';
if ($_GET['handler'] === 'file') {
    $handler = new Illuminate\Session\FileSessionHandler(new Illuminate\Filesystem\Filesystem(), "$data/illuminate", 120);
} else {
    $capsule = new Illuminate\Database\Capsule\Manager();
    if (is_file("$data/connection.php")) {
        $capsule->addConnection(require "$data/connection.php");
    } else {
        $capsule->addConnection(['driver' => 'sqlite', 'database' => "$data/illuminate.sqlite"]);
        $capsule->getConnection()->statement('PRAGMA busy_timeout = 20000');
    }
    $handler = new Illuminate\Session\DatabaseSessionHandler($capsule->getConnection(), 'sessions', 120);
}

session_set_save_handler($handler, true);
session_cache_limiter('nocache');
session_name("uf-{$_GET['handler']}");
session_set_cookie_params(['path' => '/', 'httponly' => true]);
$exists = fn (bool $exists) => $handler instanceof Illuminate\Session\ExistenceAwareInterface && $handler->setExists($exists);

session_start();
switch ($_GET['do']) {
    case 'count':
        $_SESSION['site']['count'] = ($_SESSION['site']['count'] ?? 0) + 1;
        break;
    case 'log-in':
        session_regenerate_id(true);
        $exists(false);
        $_SESSION['account']['current_user_id'] = 7;
        break;
    case 'log-out':
        session_unset();
        $cookie = session_get_cookie_params();
        setcookie(session_name(), '', time() - 42000, $cookie['path'], $cookie['domain'], $cookie['secure'], $cookie['httponly']);
        session_destroy();
        $exists(false);
        session_start();
        session_regenerate_id(true);
        $exists(false);
        $_SESSION['site']['farewell'] = 1;
        break;
}
require __DIR__ . '/show.php';
show(['user' => $_SESSION['account']['current_user_id'] ?? 0, 'count' => $_SESSION['site']['count'] ?? 0, 'farewell' => $_SESSION['site']['farewell'] ?? 0]);
