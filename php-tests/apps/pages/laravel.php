<?php
/**
 * Laravel's sessions, which are none of PHP's: a store over a handler, read at the beginning and saved at the end, as its
 * middleware does. The handler is the extension's where there is one; or, on the table of Laravel's own driver, that
 * driver's or the extension's.
 *
 * ?by=driver|store, for the table  ?do=look|count|log-in|log-out|forget|fail
 */

declare(strict_types=1);

require '/usr/share/php/Illuminate/Session/autoload.php';
require '/usr/share/php/Illuminate/Filesystem/autoload.php';

$data = __DIR__ . '/data';
switch ($_GET['by'] ?? '') {
    case 'driver':
        require '/usr/share/php/Illuminate/Database/autoload.php';
        $capsule = new Illuminate\Database\Capsule\Manager();
        $capsule->addConnection(require "$data/connection.php");
        $handler = new Illuminate\Session\DatabaseSessionHandler($capsule->getConnection(), 'sessions', 120);
        break;
    case 'store':
        $handler = new Rustdb\SessionHandler(['store' => trim(file_get_contents("$data/store.txt")), 'lifetime' => 7200]);
        break;
    default:
        $handler = class_exists('Rustdb\SessionHandler')
            ? new Rustdb\SessionHandler(['lifetime' => 120 * 60])
            : new Illuminate\Session\FileSessionHandler(new Illuminate\Filesystem\Filesystem(), "$data/laravel", 120);
}
$session = new Illuminate\Session\Store('laravel_session', $handler, $_COOKIE['laravel_session'] ?? null);
$session->start();
switch ($_GET['do']) {
    case 'forget':
        // It is never saved, and its handler lives as long as the request.
        exit('forgotten');
    case 'fail':
        throw new RuntimeException('before the session was saved');
    case 'count':
        $session->put('count', $session->get('count', 0) + 1);
        break;
    case 'log-in':
        $session->regenerate(true);
        $session->put('user', 7);
        break;
    case 'log-out':
        $session->invalidate();
        $session->regenerateToken();
        $session->flash('farewell', 1);
        break;
}
require __DIR__ . '/show.php';
setcookie('laravel_session', $session->getId(), ['path' => '/', 'httponly' => true]);
$facts = ['user' => $session->get('user', 0), 'count' => $session->get('count', 0), 'farewell' => $session->get('farewell', 0)];
$session->save();
show($facts);
