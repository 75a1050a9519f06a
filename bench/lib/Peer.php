<?php

declare(strict_types=1);

namespace Bench;

/**
 * One save handler in one configuration: what it is called, what it loads, and its settings for a given directory.
 */
final class Peer
{
    /** The suites of handlers in general; the others are of one kind of store or another. */
    public const GENERAL = ['cli', 'contention', 'fpm'];

    /**
     * @param list<string> $extensions
     * @param \Closure(string, ?int=): array<string, scalar> $settings from the directory of its own that the peer was given
     * @param 'tmpfs'|'disk'|null $storage where that directory lies
     */
    public function __construct(
        public readonly string $name,
        public readonly string $label,
        public readonly array $extensions,
        public readonly \Closure $settings,
        public readonly ?string $storage = null,
        /** Whether two requests of one session exclude each other. */
        public readonly bool $locks = true,
        /** The extension whose version the report names. */
        public readonly ?string $extension = null,
        /** Keeps nothing: no result can be checked against it. */
        public readonly bool $floor = false,
        /** The label without the connection, for a handler whose sessions are on a server. */
        public readonly ?string $handler = null,
        /** @var 'unix'|'tcp'|null how it reaches that server */
        public readonly ?string $link = null,
        /** @var (\Closure(): int)|null the server's TCP port; `settings` takes another one as its second argument */
        public readonly ?\Closure $port = null,
        /** @var list<string> where it takes part */
        public readonly array $suites = self::GENERAL,
        /** Bytes of memory that have to be there for it. */
        public readonly int $memory = 0,
    ) {
    }

    /** The settings with which it reaches its server by another TCP port, behind which somebody passes the bytes on. */
    public function through(int $port): self
    {
        $settings = fn (string $directory) => ($this->settings)($directory, $port);
        return new self($this->name, $this->label, $this->extensions, $settings, $this->storage, $this->locks);
    }

    public function isFiles(): bool
    {
        return str_starts_with($this->name, 'files-');
    }

    /** A fresh directory for this peer in this suite; on tmpfs for those that keep nothing in a directory. */
    public function directory(Workspace $workspace, string $suite, bool $forWeb = false): string
    {
        return $workspace->directory($this->storage ?? 'tmpfs', "$suite-{$this->name}", $forWeb);
    }
}
