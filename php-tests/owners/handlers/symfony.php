<?php
/** Symfony's PdoSessionHandler, with the lock that the environment names; by default Symfony's own default. */

declare(strict_types=1);

require 'Symfony/Component/HttpFoundation/autoload.php';
require __DIR__ . '/php.php';

use Symfony\Component\HttpFoundation\Session\Storage\Handler\PdoSessionHandler;

function handler(): PdoSessionHandler
{
    $lock = getenv('OWNER_LOCK');
    return new PdoSessionHandler('mysql:unix_socket=' . getenv('OWNER_SOCKET') . ';dbname=' . getenv('OWNER_DATABASE'),
        ['db_username' => 'root'] + ($lock === false ? [] : ['lock_mode' => (int) $lock]));
}

function register(): void
{
    session_set_save_handler(handler(), false);
}

function make_table(): void
{
    handler()->createTable();
}
