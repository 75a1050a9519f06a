<?php

declare(strict_types=1);

namespace Bench;

/**
 * What the suites have in common: peers enter with processes of their own, take turns, and leave when they fail.
 */
abstract class Suite
{
    /** @var array<string, list<Worker>> the processes of the peers still taking part */
    protected array $crews = [];

    /** @param string $name what its rows begin with */
    public function __construct(
        protected readonly string $name,
        protected readonly Php $php,
        protected readonly Workspace $workspace,
        protected readonly Servers $servers,
        protected readonly Results $results,
        protected readonly Options $options,
    ) {
    }

    /** @param list<Peer> $peers */
    abstract public function run(array $peers): void;

    /** Starts processes of a peer and returns the directory that they were given, which is named by a place, or else by the suite. */
    protected function enter(Peer $peer, int $processes = 1, ?string $place = null): string
    {
        $free = $peer->memory > 0 ? Workspace::freeMemory() : 0;
        if ($peer->memory > $free) {
            throw new \RuntimeException(sprintf('%d MiB of shared memory are needed, %d are free', $peer->memory >> 20, $free >> 20));
        }
        $directory = $peer->directory($this->workspace, $place ?? $this->name);
        $ini = $this->php->ini("$directory.ini", $peer->extensions, ($peer->settings)($directory));
        for ($number = 0; $number < $processes; $number++) {
            $this->crews[$peer->name][] = new Worker($this->php, $ini, $directory);
        }
        $this->crews[$peer->name][0]->registerBuffer($this->workspace);
        return $directory;
    }

    protected function leave(Peer $peer): void
    {
        array_map(static fn (Worker $worker) => $worker->stop(), $this->crews[$peer->name] ?? []);
        unset($this->crews[$peer->name]);
    }

    /** One step of one peer; who fails leaves. */
    protected function step(Peer $peer, callable $step): void
    {
        if (!$this->results->attempt($this->name, $peer, $step)) {
            $this->leave($peer);
        }
    }

    /**
     * One step of each peer still taking part.
     *
     * @param list<Peer> $peers
     * @param callable(Peer, list<Worker>): void $step
     */
    protected function turns(array $peers, int $round, callable $step): void
    {
        foreach (self::order($peers, $round) as $peer) {
            if (isset($this->crews[$peer->name])) {
                $this->step($peer, fn () => $step($peer, $this->crews[$peer->name]));
            }
        }
    }

    /**
     * The order of one round: everybody starts first once in a while, and comes before his neighbours as often as after them.
     *
     * @param list<Peer> $peers
     * @return list<Peer>
     */
    private static function order(array $peers, int $round): array
    {
        $by = intdiv($round, 2) % max(1, count($peers));
        $order = [...array_slice($peers, $by), ...array_slice($peers, 0, $by)];
        return $round % 2 === 0 ? $order : array_reverse($order);
    }

    /** Waits for what a peer put off (a flush, the file system's journal), so that it is not charged to the next one. */
    protected function settle(Peer $peer, ?Worker $worker = null): void
    {
        $worker?->ask(['do' => 'settle']);
        if ($peer->storage === 'disk') {
            Process::output(['sync', '-f', $this->workspace->disk]);
        }
    }
}
