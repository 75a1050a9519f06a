<?php

declare(strict_types=1);

/**
 * The statements that ProcessWire's SessionHandlerDB issues (wire/modules/Session/SessionHandlerDB of ProcessWire 3), in its order
 * and over PDO as there; its module system, which costs time too, is left out. User and page are those of a guest's request.
 */
final class ProcessWireStatements implements SessionHandlerInterface
{
    private const LOCK_SECONDS = 50;

    public function __construct(private readonly PDO $database)
    {
    }

    public function open(string $path, string $name): bool
    {
        return true;
    }

    public function read(string $id): string|false
    {
        $query = $this->database->prepare('SELECT GET_LOCK(:id, :seconds)');
        $query->bindValue(':id', $id);
        $query->bindValue(':seconds', self::LOCK_SECONDS, PDO::PARAM_INT);
        $query->execute();
        $locked = $query->fetchColumn();
        $query->closeCursor();
        if (!$locked) {
            throw new RuntimeException('Unable to obtain lock for session');
        }
        $query = $this->database->prepare('SELECT data FROM `sessions` WHERE id=:id');
        $query->bindValue(':id', $id);
        $query->execute();
        $data = $query->rowCount() ? (string) $query->fetchColumn() : '';
        $query->closeCursor();
        return $data;
    }

    public function write(string $id, string $data): bool
    {
        $set = 'user_id=:user_id, pages_id=:pages_id, data=:data';
        $query = $this->database->prepare("INSERT INTO sessions SET id=:id, $set ON DUPLICATE KEY UPDATE $set, ts=NOW()");
        $query->bindValue(':id', $id);
        $query->bindValue(':user_id', 40, PDO::PARAM_INT);
        $query->bindValue(':pages_id', 1, PDO::PARAM_INT);
        $query->bindValue(':data', $data);
        $written = $query->execute();
        $query->closeCursor();
        $this->release($id);
        return $written;
    }

    public function close(): bool
    {
        return true;
    }

    /** ProcessWire leaves the lock to the end of its connection, which here goes on. */
    public function destroy(string $id): bool
    {
        $this->database->prepare('DELETE FROM `sessions` WHERE id=:id')->execute([':id' => $id]);
        $this->release($id);
        return true;
    }

    public function gc(int $seconds): int|false
    {
        return $this->database->exec("DELETE FROM `sessions` WHERE ts < DATE_SUB(NOW(), INTERVAL $seconds SECOND)");
    }

    private function release(string $id): void
    {
        $query = $this->database->prepare('DO RELEASE_LOCK(:id)');
        $query->bindValue(':id', $id);
        $query->execute();
        $query->closeCursor();
    }
}
