<?php
/**
 * Symfony's sessions, as its framework bundle sets them up for `handler_id: null`, for `session.handler.native_file`,
 * for PdoSessionHandler and for a service of the application's.
 *
 * ?handler=null|native|pdo|class  ?do=look|count|log-in|log-out
 */

declare(strict_types=1);

require '/usr/share/php/Symfony/Component/HttpFoundation/autoload.php';

use Symfony\Component\HttpFoundation\Session\Session;
use Symfony\Component\HttpFoundation\Session\Storage\Handler\NativeFileSessionHandler;
use Symfony\Component\HttpFoundation\Session\Storage\Handler\PdoSessionHandler;
use Symfony\Component\HttpFoundation\Session\Storage\NativeSessionStorage;

$data = __DIR__ . '/data';
$handler = match ($_GET['handler']) {
    'null' => null,
    // As a service of the application; without the extension the native one.
    'class' => class_exists('Rustdb\SessionHandler') ? new Rustdb\SessionHandler() : null,
    'native' => new NativeFileSessionHandler("$data/symfony"),
    'pdo' => new PdoSessionHandler("sqlite:$data/symfony.sqlite", ['lock_mode' => PdoSessionHandler::LOCK_NONE]),
};
$session = new Session(new NativeSessionStorage(['name' => "sf-{$_GET['handler']}", 'gc_maxlifetime' => 3600], $handler));
// As the framework's firewall does before a controller runs.
$session->start();
switch ($_GET['do']) {
    case 'count':
        $session->set('count', $session->get('count', 0) + 1);
        break;
    case 'log-in':
        $session->migrate(true);
        $session->set('user', 7);
        break;
    case 'log-out':
        $session->invalidate();
        $session->set('farewell', 1);
        break;
}
require __DIR__ . '/show.php';
show(['user' => $session->get('user', 0), 'count' => $session->get('count', 0), 'farewell' => $session->get('farewell', 0)]);
$session->save();
