<?php

declare(strict_types=1);

namespace Bench;

/**
 * A control group that limits how much memory one process takes, the kernel's cache of what it reads and writes included.
 *
 * It takes root, and a kernel and a container that let groups be made (cgroups(7)).
 */
final class MemoryLimit
{
    private const NONE = ['memory.max' => 'max', 'memory.limit_in_bytes' => '-1'];

    /** @param string $file the one in the group that the limit is written to */
    private function __construct(private readonly string $group, private readonly string $file)
    {
    }

    /** A group with this process in it, and no limit yet. */
    public static function around(int $process): self
    {
        $group = self::hierarchy() . '/rustdb-bench.' . bin2hex(random_bytes(6));
        if (!@mkdir($group)) {
            throw new \RuntimeException('a control group cannot be made here: ' . (posix_geteuid() === 0 ? error_get_last()['message'] : 'that takes root'));
        }
        foreach (array_keys(self::NONE) as $file) {
            if (is_file("$group/$file") && @file_put_contents("$group/cgroup.procs", (string) $process) !== false) {
                return new self($group, $file);
            }
        }
        rmdir($group);
        throw new \RuntimeException('control groups here do not limit the memory of a process');
    }

    /** Where control groups that limit memory are mounted: version 1 has a hierarchy for memory, version 2 one for everything. */
    private static function hierarchy(): string
    {
        foreach (file('/proc/self/mounts') as $mount) {
            [, $path, $type, $options] = explode(' ', $mount);
            $controllers = match ($type) {
                'cgroup' => explode(',', $options),
                'cgroup2' => explode(' ', trim((string) file_get_contents("$path/cgroup.subtree_control"))),
                default => [],
            };
            if (in_array('memory', $controllers, true)) {
                return $path;
            }
        }
        throw new \RuntimeException('no control groups that limit memory are mounted');
    }

    public function set(int $bytes): void
    {
        // What is above it goes first, and as long as something is being written the kernel may refuse.
        for ($tries = 20; @file_put_contents("{$this->group}/{$this->file}", (string) $bytes) === false; $tries--) {
            if ($tries === 0) {
                throw new \RuntimeException("its memory cannot be limited to $bytes bytes");
            }
            Process::output(['sync']);
        }
    }

    public function lift(): void
    {
        file_put_contents("{$this->group}/{$this->file}", self::NONE[$this->file]);
    }

    /** To be called when the process has ended. */
    public function remove(): void
    {
        rmdir($this->group);
    }
}
