<?php
/** UserFrosting: Illuminate's handler of a table under PHP's own session functions. */

declare(strict_types=1);

require __DIR__ . '/illuminate.php';
require __DIR__ . '/php.php';

use Illuminate\Database\Schema\Blueprint;
use Illuminate\Session\DatabaseSessionHandler;

function handler(): DatabaseSessionHandler
{
    return new DatabaseSessionHandler(manager('utf8')->getConnection(), 'sessions', 60);
}

function register(): void
{
    session_set_save_handler(handler(), true);
}

/** As the migration of UserFrosting 4 to 6 does. */
function make_table(): void
{
    manager('utf8')->getConnection()->getSchemaBuilder()->create('sessions', function (Blueprint $table): void {
        $table->string('id')->unique();
        $table->integer('user_id')->nullable();
        $table->string('ip_address', 45)->nullable();
        $table->text('user_agent')->nullable();
        $table->text('payload');
        $table->integer('last_activity');
    });
}
