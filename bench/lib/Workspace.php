<?php

declare(strict_types=1);

namespace Bench;

/**
 * The private directories of one run: one on tmpfs, one on a real disk. Both are removed at the end, whatever happened.
 */
final class Workspace
{
    public readonly string $tmpfs;
    public readonly string $disk;
    /** Who serves web requests: an ordinary user when the benchmark runs as root, else ourselves (null). */
    public readonly ?string $webUser;
    /** @var list<string> shared-memory buffers of rustdb, which live outside our directories */
    private array $buffers = [];

    public function __construct(string $diskParent)
    {
        // Two names, one owner: nothing else on the machine may hold the directory.
        $this->disk = self::create($diskParent);
        $this->webUser = fileowner($this->disk) === 0 ? 'www-data' : null;
        if ($this->webUser !== null) {
            chmod($this->disk, 0711);
        }
        if (!is_dir('/dev/shm')) {
            throw new \RuntimeException('/dev/shm is missing: the comparison with tmpfs needs it');
        }
        $this->tmpfs = self::create('/dev/shm');
        if ($this->webUser !== null) {
            chmod($this->tmpfs, 0711);
        }
    }

    private static function create(string $parent): string
    {
        $path = rtrim((string) realpath($parent), '/') . '/rustdb-bench.' . bin2hex(random_bytes(6));
        if (!is_dir($parent) || !@mkdir($path, 0700)) {
            throw new \RuntimeException("cannot create a directory in $parent");
        }
        return $path;
    }

    /** A new empty directory of mode 0700 on 'tmpfs' or 'disk', for the web user if asked for. */
    public function directory(string $storage, string $name, bool $forWeb = false): string
    {
        $path = ($storage === 'tmpfs' ? $this->tmpfs : $this->disk) . '/' . $name;
        mkdir($path, 0700);
        if ($forWeb && $this->webUser !== null) {
            chown($path, $this->webUser);
        }
        return $path;
    }

    /** Remembers a buffer that rustdb_status() named, to be removed with the rest. */
    public function ownsBuffer(string $path): void
    {
        // The path comes from the extension under test: only a directory of its kind is ever removed.
        while ($path !== '/' && $path !== '.' && $path !== '' && !preg_match('~^/dev/shm/rustdb-\d+-[^/]+$~', $path)) {
            $path = dirname($path);
        }
        if (strlen($path) > 1 && !in_array($path, $this->buffers, true)) {
            $this->buffers[] = $path;
        }
    }

    /** Bytes allocated below a directory, as `du` counts them. */
    public static function allocated(string $path): int
    {
        return (int) Process::output(['du', '-s', '--block-size=1', $path]);
    }

    /** Bytes that a file in /dev/shm could grow by. */
    public static function freeMemory(): int
    {
        preg_match('/^MemAvailable:\s+(\d+)/m', (string) file_get_contents('/proc/meminfo'), $available);
        return (int) min(disk_free_space('/dev/shm'), 1024 * (int) $available[1]);
    }

    public static function fileSystem(string $path): string
    {
        // stat names ext2, ext3 and ext4 alike; the mount table tells them apart.
        $type = trim(Process::output(['df', '--output=fstype', $path]));
        return trim((string) strrchr("\n" . $type, "\n"));
    }

    /** rm, because a million files through PHP's iterators take minutes. */
    public static function delete(string $path): void
    {
        Process::output(['rm', '-rf', '--one-file-system', '--', $path]);
    }

    public function remove(): void
    {
        foreach ([...$this->buffers, $this->tmpfs, $this->disk] as $path) {
            self::delete($path);
        }
    }
}
