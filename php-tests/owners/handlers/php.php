<?php
/** Sessions by PHP's own functions. Whoever includes this brings register(), which begins a request. */

declare(strict_types=1);

require __DIR__ . '/visits.php';

function open(string $id, array $options = []): void
{
    register();
    session_id($id);
    if (!session_start($options)) {
        throw new RuntimeException('session_start failed: ' . (error_get_last()['message'] ?? 'no message'));
    }
}

function visit(string $id, callable $work): mixed
{
    open($id);
    $result = $work($_SESSION);
    if (!session_write_close()) {
        throw new RuntimeException('session_write_close failed');
    }
    return $result;
}

function peek(string $id): array
{
    open($id, ['read_and_close' => true]);
    return $_SESSION;
}

function destroy(string $id): void
{
    open($id);
    session_destroy();
}

function collect_garbage(string $id): int|false
{
    // PHP collects in an open session only.
    return visit($id, fn () => session_gc());
}
