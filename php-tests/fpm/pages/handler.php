<?php
/**
 * As remember.php, in an application that registers a handler: ?by=class one of rustdb's with a lifetime of its own,
 * otherwise one that fails when it is asked, and has to be taken over.
 */

declare(strict_types=1);

final class ShopHandler implements SessionHandlerInterface
{
    public function open(string $path, string $name): bool { return false; }
    public function close(): bool { return false; }
    public function read(string $id): string|false { return false; }
    public function write(string $id, string $data): bool { return false; }
    public function destroy(string $id): bool { return false; }
    public function gc(int $lifetime): int|false { return false; }
}

session_set_save_handler(($_GET['by'] ?? '') === 'class' ? new Rustdb\SessionHandler(['lifetime' => 600]) : new ShopHandler(), true);
require __DIR__ . '/remember.php';
