<?php
/**
 * A handler as MediaWiki's, which rustdb leaves alone: the application has sessions of its own, with a cookie of its own,
 * and answers PHP's calls from them.
 *
 * ?do=look|count|log-in|log-out
 */

declare(strict_types=1);

final class PHPSessionHandler implements SessionHandlerInterface
{
    public function open($path, $name): bool { return true; }
    public function close(): bool { return true; }
    public function read($id): string|false { return (string) @file_get_contents($this->file($id)); }
    public function write($id, $data): bool { return file_put_contents($this->file($id), $data, LOCK_EX) !== false; }
    public function destroy($id): bool { @unlink($this->file($id)); return true; }
    public function gc($lifetime): int|false { return 0; }

    private function file(string $id): string
    {
        return __DIR__ . "/data/mediawiki/$id";
    }
}

ini_set('session.use_cookies', '0');
session_cache_limiter('');
session_set_save_handler(new PHPSessionHandler(), true);
session_id($_COOKIE['wiki_session'] ?? bin2hex(random_bytes(16)));
session_start();
switch ($_GET['do']) {
    case 'count':
        $_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
        break;
    case 'log-in':
        session_regenerate_id(true);
        $_SESSION['user'] = 7;
        break;
    case 'log-out':
        session_destroy();
        session_id(bin2hex(random_bytes(16)));
        session_start();
        $_SESSION['farewell'] = 1;
        break;
}
setcookie('wiki_session', session_id(), ['path' => '/', 'httponly' => true]);
require __DIR__ . '/show.php';
show(['user' => $_SESSION['user'] ?? 0, 'count' => $_SESSION['count'] ?? 0, 'farewell' => $_SESSION['farewell'] ?? 0]);
