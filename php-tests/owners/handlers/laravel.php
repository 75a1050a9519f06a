<?php
/** Laravel: Illuminate's handler of a table under Illuminate's own session, which PHP's functions know nothing of. */

declare(strict_types=1);

require __DIR__ . '/illuminate.php';
require __DIR__ . '/visits.php';

use Illuminate\Container\Container;
use Illuminate\Contracts\Auth\Guard;
use Illuminate\Session\DatabaseSessionHandler;
use Illuminate\Session\Store;
use Illuminate\Support\Facades\Facade;

/** The session of a request; who makes it is in the environment. */
function store(string $id): Store
{
    $container = new Container();
    $user = getenv('OWNER_USER');
    $container->instance(Guard::class, new class ($user === false ? null : (int) $user) {
        public function __construct(private readonly ?int $user)
        {
        }

        public function id(): ?int
        {
            return $this->user;
        }
    });
    $container->instance('request', new class {
        public function ip(): string
        {
            return '2001:db8::17';
        }

        public function header(string $name): string
        {
            return "the $name of a visitor";
        }
    });
    $handler = new DatabaseSessionHandler(manager('utf8mb4')->getConnection(), 'sessions', 60, $container);
    return new Store('laravel_session', $handler, $id);
}

/** A session that has begun. */
function started(string $id): Store
{
    $store = store($id);
    if ($store->getId() !== $id) {
        throw new RuntimeException("Laravel takes no id like $id");
    }
    $store->start();
    return $store;
}

function visit(string $id, callable $work): mixed
{
    $store = started($id);
    $session = $store->all();
    $result = $work($session);
    $store->replace($session);
    $store->save();
    return $result;
}

function peek(string $id): array
{
    return started($id)->all();
}

function destroy(string $id): void
{
    started($id)->getHandler()->destroy($id);
}

/** As Laravel's middleware StartSession does. */
function collect_garbage(string $id): void
{
    store($id)->getHandler()->gc(60 * 60);
}

/** By the migration that `artisan session:table` makes. */
function make_table(): void
{
    $database = manager('utf8mb4')->getDatabaseManager();
    // Laravel 9 has other names than those before it: for where its facade finds a schema, and for the migration, which has none.
    Facade::setFacadeApplication(['db' => $database, 'db.schema' => $database->connection()->getSchemaBuilder()]);
    $migration = require 'Illuminate/Session/Console/stubs/database.stub';
    (is_object($migration) ? $migration : new CreateSessionsTable())->up();
}
