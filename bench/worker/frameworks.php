<?php

declare(strict_types=1);

/**
 * Installs the session handler of a framework, as its users do, on the connection that the generated php.ini describes.
 *
 * They come from Debian's packages; of ProcessWire only the statements are used.
 */
function useFramework(string $name): void
{
    session_set_save_handler(match ($name) {
        'processwire' => processWire(),
        'symfony' => symfony(null),
        'symfony-kept' => symfony(frameworkConnection()),
        'illuminate' => illuminate(),
    }, true);
}

function processWire(): SessionHandlerInterface
{
    require __DIR__ . '/processwire.php';
    return new ProcessWireStatements(frameworkConnection());
}

/** In its default mode, a row lock in a transaction; without a connection given it opens its own at each start. */
function symfony(?PDO $given): SessionHandlerInterface
{
    require 'Symfony/Component/HttpFoundation/autoload.php';
    $options = ['db_username' => 'bench', 'db_password' => ''];
    return new Symfony\Component\HttpFoundation\Session\Storage\Handler\PdoSessionHandler($given ?? dataSource(), $options);
}

/** As UserFrosting wires it. Illuminate's connector switches emulated statements off: each is prepared, then executed. */
function illuminate(): SessionHandlerInterface
{
    require 'Illuminate/Database/autoload.php';
    require 'Illuminate/Session/autoload.php';
    require __DIR__ . '/illuminate.php';
    $capsule = new Illuminate\Database\Capsule\Manager();
    $capsule->addConnection([
        'driver' => 'mysql',
        'host' => '127.0.0.1',
        'port' => get_cfg_var('bench.port'),
        'unix_socket' => get_cfg_var('bench.socket') ?: '',
        'database' => get_cfg_var('bench.database'),
        'username' => 'bench',
        'password' => '',
        'charset' => 'utf8mb4',
        'collation' => 'utf8mb4_unicode_ci',
        'prefix' => '',
        'options' => [PDO::ATTR_PERSISTENT => true],
    ]);
    return new IlluminateOfOneRequest($capsule->getConnection(), 'sessions', 1440);
}

function dataSource(): string
{
    $socket = get_cfg_var('bench.socket');
    $place = $socket === false ? 'host=127.0.0.1;port=' . get_cfg_var('bench.port') : "unix_socket=$socket";
    return "mysql:$place;dbname=" . get_cfg_var('bench.database') . ';charset=utf8mb4';
}

function frameworkConnection(): PDO
{
    return new PDO(dataSource(), 'bench', '', [
        PDO::ATTR_PERSISTENT => true,
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
    ]);
}
