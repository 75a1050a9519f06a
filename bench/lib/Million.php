<?php

declare(strict_types=1);

namespace Bench;

/**
 * The `million` suite: a large number of sessions of 1 KiB on disk. Modified at random; a tenth of them expired and
 * collected; and the space they take.
 */
final class Million extends Suite
{
    /** Each round of collection lets another one of so many groups expire. */
    private const GROUPS = 10;
    /** Blocks of changes, which take a tenth of a second, in the place of one round of the other suites. */
    private const BLOCKS = 3;
    private const COLLECTIONS = 3;

    /** @param list<Peer> $peers */
    public function run(array $peers): void
    {
        // Whole groups, so that each holds exactly a tenth.
        $total = max(self::GROUPS, intdiv($this->options->sessions, self::GROUPS) * self::GROUPS);
        $expiring = intdiv($total, self::GROUPS);
        $many = number_format($total, 0, '.', ' ');
        $this->results->row('million.fill', "$many created", 'µs');
        $this->results->row('million.modified', 'modified at random', 'µs');
        $this->results->row('million.collect', number_format($expiring, 0, '.', ' ') . ' expired collected', 's');
        $this->results->row('million.disk', 'disk per session', 'bytes');
        $this->results->row('million.memory', 'own memory per session', 'bytes');

        $directories = [];
        foreach ($peers as $peer) {
            $this->step($peer, function () use ($peer, &$directories, $total): void {
                $directories[$peer->name] = $this->enter($peer);
                $this->fill($peer, $this->crews[$peer->name][0], $directories[$peer->name], $total);
            });
        }
        for ($round = 0; $round < $this->options->rounds * ($this->options->quick ? 1 : self::BLOCKS); $round++) {
            $this->turns($peers, $round, function (Peer $peer, array $crew) use ($total, $round): void {
                $this->modify($crew[0], 200, $total, 1000 + $round);
                $us = $this->modify($crew[0], $this->options->quick ? 2_000 : 20_000, $total, $round);
                $this->results->add('million.modified', $peer, $us);
                $this->settle($peer, $crew[0]);
            });
        }
        for ($round = 0; $round < ($this->options->quick ? 1 : self::COLLECTIONS); $round++) {
            $this->turns($peers, $round, function (Peer $peer, array $crew) use ($directories, $total, $round): void {
                echo "   collecting: {$peer->label}\n";
                $this->collect($peer, $crew[0], $directories[$peer->name], $total, $round);
            });
        }
        array_map($this->leave(...), $peers);
        foreach ($directories as $directory) {
            // Gigabytes, not needed until the end of the run.
            Workspace::delete($directory);
        }
    }

    /** Creates the sessions, and modifies them until a buffer has become as large as it gets, and has to make room for what comes. */
    private function fill(Peer $peer, Worker $worker, string $directory, int $total): void
    {
        echo "   creating $total sessions: {$peer->label}\n";
        $before = Workspace::allocated($directory);
        $filled = $worker->ask(['do' => 'fill', 'from' => 0, 'to' => $total], 3600);
        $this->settle($peer, $worker);
        $this->results->add('million.fill', $peer, $filled['seconds'] / $total * 1e6);
        $this->results->set('million.disk', $peer, (Workspace::allocated($directory) - $before) / $total);
        $memory = 0;
        for ($turn = 0; $memory < ($now = self::memory($worker)) || $turn === 0; $turn++) {
            $memory = $now;
            $this->modify($worker, 100_000, $total, 2000 + $turn);
            $this->settle($peer, $worker);
        }
        $this->results->set('million.memory', $peer, $memory / $total);
        $held = $worker->ask(['do' => 'status'])['rustdb']['buffer']['entries'] ?? 0;
        // A bucket of its index that is full lets go of one of its sessions: of a million a hundred or two.
        if ($peer->memory > 0 && $held < 0.999 * $total) {
            throw new \RuntimeException("the buffer was to hold all sessions, and holds $held of $total");
        }
    }

    /** What the handler itself has allocated. */
    private static function memory(Worker $worker): int
    {
        $status = $worker->ask(['do' => 'status'])['rustdb'];
        return $status === null ? 0 : Workspace::allocated($status['buffer']['path']);
    }

    /** Modifies sessions at random, and returns the µs for each. */
    private function modify(Worker $worker, int $count, int $total, int $seed, int $first = 0): float
    {
        return $worker->ask(['do' => 'modify', 'total' => $total, 'groups' => self::GROUPS, 'first' => $first, 'count' => $count, 'seed' => $seed], 600)['us'];
    }

    private function collect(Peer $peer, Worker $worker, string $directory, int $total, int $round): void
    {
        $files = $peer->isFiles() ? $directory : '';
        $expired = $worker->ask(['do' => 'expire', 'total' => $total, 'groups' => self::GROUPS, 'group' => $round, 'files' => $files], 900)['expired'];
        Process::output(['sync', '-f', $directory]);
        $collected = $worker->ask(['do' => 'collect'], 900);
        if ($collected['collected'] !== $expired) {
            throw new \RuntimeException("$expired sessions had expired, session_gc() returned " . json_encode($collected['collected']));
        }
        $this->results->add('million.collect', $peer, $collected['seconds']);
        // What had not expired must have survived.
        $this->modify($worker, 200, $total, 1, $round + 1);
        $this->settle($peer, $worker);
    }
}
