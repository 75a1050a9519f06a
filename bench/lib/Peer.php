<?php

declare(strict_types=1);

namespace Bench;

/**
 * One save handler in one configuration: what it is called, what it loads, and its settings for a given directory.
 */
final class Peer
{
    /**
     * @param list<string> $extensions
     * @param \Closure(string): array<string, scalar> $settings from the directory of its own that the peer was given
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
    ) {
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
