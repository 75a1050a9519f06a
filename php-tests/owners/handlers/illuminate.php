<?php
/** A connection to the database of the test, by Illuminate. */

declare(strict_types=1);

require 'Illuminate/Database/autoload.php';
require 'Illuminate/Session/autoload.php';
require 'Illuminate/Container/autoload.php';

use Illuminate\Database\Capsule\Manager;

function manager(string $charset): Manager
{
    static $manager = null;
    if ($manager === null) {
        $manager = new Manager();
        $manager->addConnection(['driver' => 'mysql', 'host' => 'localhost', 'unix_socket' => getenv('OWNER_SOCKET'),
            'database' => getenv('OWNER_DATABASE'), 'username' => 'root', 'password' => '', 'charset' => $charset,
            'collation' => "{$charset}_unicode_ci", 'prefix' => '', 'strict' => true]);
    }
    return $manager;
}
