<?php
/** ProcessWire: the statements of its SessionHandlerDB, which Debian has no package of. */

declare(strict_types=1);

require __DIR__ . '/php.php';

final class Statements implements SessionHandlerInterface
{
    private readonly PDO $database;

    public function __construct()
    {
        $this->database = new PDO('mysql:unix_socket=' . getenv('OWNER_SOCKET') . ';dbname=' . getenv('OWNER_DATABASE') . ';charset=utf8', 'root');
    }

    public function make_table(): void
    {
        $this->run('CREATE TABLE sessions (id CHAR(32) NOT NULL, user_id INT UNSIGNED NOT NULL, pages_id INT UNSIGNED NOT NULL,
            data MEDIUMTEXT NOT NULL, ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, ip INT UNSIGNED NOT NULL DEFAULT 0,
            ua VARCHAR(250) NOT NULL DEFAULT \'\', PRIMARY KEY (id), INDEX (pages_id), INDEX (user_id), INDEX (ts))
            ENGINE=InnoDB DEFAULT CHARSET=utf8');
    }

    public function open(string $path, string $name): bool
    {
        return true;
    }

    public function close(): bool
    {
        return true;
    }

    public function read(string $id): string|false
    {
        if ($this->run('SELECT GET_LOCK(?, 50)', [$id])->fetchColumn() != 1) {
            return false;
        }
        return (string) $this->run('SELECT data FROM `sessions` WHERE id=?', [$id])->fetchColumn();
    }

    public function write(string $id, string $data): bool
    {
        $values = [(int) getenv('OWNER_USER'), 1, $data, ip2long('192.0.2.17'), 'a visitor'];
        $columns = 'user_id=?, pages_id=?, data=?, ip=?, ua=?';
        $this->run("INSERT INTO sessions SET id=?, $columns ON DUPLICATE KEY UPDATE $columns, ts=NOW()", [$id, ...$values, ...$values]);
        $this->run('DO RELEASE_LOCK(?)', [$id]);
        return true;
    }

    public function destroy(string $id): bool
    {
        $this->run('DELETE FROM `sessions` WHERE id=?', [$id]);
        return true;
    }

    public function gc(int $seconds): int|false
    {
        return $this->run("DELETE FROM `sessions` WHERE ts < DATE_SUB(NOW(), INTERVAL $seconds SECOND)")->rowCount();
    }

    private function run(string $sql, array $values = []): PDOStatement
    {
        $statement = $this->database->prepare($sql);
        $statement->execute($values);
        return $statement;
    }
}

function register(): void
{
    session_set_save_handler(new Statements(), false);
}

function make_table(): void
{
    (new Statements())->make_table();
}
