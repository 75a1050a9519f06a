<?php
/** rustdb, as php.ini has it. */

declare(strict_types=1);

require __DIR__ . '/php.php';

function register(): void
{
}
