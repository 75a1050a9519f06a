<?php
/**
 * A page of a Symfony application. `do` names what the request does with the session; the answer tells what there is
 * afterwards. `handler=pdo` is an application that brings Symfony's handler of a table, the others bring none
 * (`handler_id: null`).
 */

declare(strict_types=1);

require 'Symfony/Component/HttpFoundation/autoload.php';

use Symfony\Component\HttpFoundation\Session\Session;
use Symfony\Component\HttpFoundation\Session\Storage\Handler\PdoSessionHandler;
use Symfony\Component\HttpFoundation\Session\Storage\NativeSessionStorage;

$handler = match ($_GET['handler'] ?? '') {
    'pdo' => new PdoSessionHandler("mysql:unix_socket={$_SERVER['DATABASE_SOCKET']};dbname={$_SERVER['DATABASE']}", ['db_username' => 'root']),
    default => null,
};
if ($handler !== null) {
    ini_set('session.save_handler', 'files');
}
$session = new Session(new NativeSessionStorage(['gc_maxlifetime' => (int) ($_GET['lifetime'] ?? 7200)], $handler));
$came_with = $_COOKIE[session_name()] ?? null;
$session->start();
$answer = ['was' => $session->all(), 'same_id' => $session->getId() === $came_with];
switch ($_GET['do']) {
    case 'put':
        $session->set($_GET['name'], $_GET['value']);
        break;
    case 'count':
        $session->set('n', $session->get('n', 0) + 1);
        break;
    case 'flash':
        $session->getFlashBag()->add('notice', $_GET['value']);
        break;
    case 'flashes':
        $answer['flashes'] = $session->getFlashBag()->all();
        break;
    case 'migrate':
        $answer['migrated'] = $session->migrate((bool) $_GET['destroy'], isset($_GET['cookie']) ? (int) $_GET['cookie'] : null);
        break;
    case 'invalidate':
        $answer['invalidated'] = $session->invalidate();
        break;
    case 'clear':
        $session->clear();
        break;
    case 'twice':
        // Saved, and begun again by the next access.
        $session->set('first', 1);
        $session->save();
        $answer['between'] = $session->isStarted();
        $session->set('second', $session->get('first') + 1);
        break;
    case 'metadata':
        break;
}
$meta = $session->getMetadataBag();
$answer += ['is' => $session->all(), 'same_id_now' => $session->getId() === $came_with, 'cookie_lifetime' => $meta->getLifetime(),
    'age' => time() - $meta->getCreated(), 'created' => $meta->getCreated(), 'used' => $meta->getLastUsed(), 'id' => $session->getId()];
$session->save();
// What rustdb did, where it is there.
$answer['rustdb'] = function_exists('rustdb_status') ? rustdb_status()['request']['write'] ?? null : null;
header('Content-Type: application/json');
echo json_encode($answer);
