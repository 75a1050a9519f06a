<?php

declare(strict_types=1);

namespace Bench;

/**
 * The `million` suite: a large number of sessions of 1 KiB on disk. Modified at random, with as much memory as there is
 * and with less; a tenth of them expired and collected; and the space they take.
 */
final class Million extends Suite
{
    /** Each round of collection lets another one of so many groups expire. */
    private const GROUPS = 10;
    /** Blocks of changes in the place of one round of the other suites. */
    private const BLOCKS = 3;
    private const COLLECTIONS = 3;
    /** Changes in a block. */
    private const CHANGES = 20_000;
    /** KiB a session: less than files take, and less than anything does. What the kernel has of files in its cache counts. */
    private const MEMORY = [3, 2];
    /** With fewer sessions that would be less than PHP itself needs. */
    private const FEWEST_LIMITED = 500_000;

    /** @var array<string, MemoryLimit> by peer */
    private array $limits = [];

    /** @return array<int, string> with how much memory sessions are changed too: KiB a session, and how people call it */
    public static function memory(int $sessions): array
    {
        $called = array_map(static fn (int $kib) => sprintf('%.1f GiB', $sessions * $kib / 1048576), self::MEMORY);
        return $sessions < self::FEWEST_LIMITED ? [] : array_combine(self::MEMORY, $called);
    }

    /** @param list<Peer> $peers */
    public function run(array $peers): void
    {
        // Whole groups, so that each holds exactly a tenth.
        $total = max(self::GROUPS, intdiv($this->options->sessions, self::GROUPS) * self::GROUPS);
        $expiring = intdiv($total, self::GROUPS);
        $many = number_format($total, 0, '.', ' ');
        $memory = self::memory($total);
        $this->results->row('million.fill', "$many created", 'µs');
        $this->results->row('million.modified', 'modified at random', 'µs');
        foreach ($memory as $kib => $gib) {
            $this->results->row("million.modified.$kib", "modified at random with $gib of memory", 'µs');
        }
        $this->results->row('million.collect', number_format($expiring, 0, '.', ' ') . ' expired collected', 's');
        $this->results->row('million.disk', 'disk per session', 'bytes');
        $this->results->row('million.memory', 'own memory per session', 'bytes');

        $directories = [];
        try {
            foreach ($peers as $peer) {
                $this->step($peer, function () use ($peer, &$directories, $total, $memory): void {
                    $directories[$peer->name] = $this->enter($peer);
                    if ($memory !== []) {
                        $this->limit($peer);
                    }
                    $this->fill($peer, $this->crews[$peer->name][0], $directories[$peer->name], $total);
                });
            }
            $this->changes('million.modified', $peers, $total);
            foreach ($memory as $kib => $gib) {
                $limited = array_values(array_filter($peers, fn (Peer $peer) => isset($this->limits[$peer->name])));
                $this->turns($limited, 0, function (Peer $peer, array $crew) use ($kib, $gib, $total): void {
                    echo "   with $gib of memory: {$peer->label}\n";
                    $this->limits[$peer->name]->set($total * $kib * 1024);
                    // Until what is in memory is what comes of that.
                    $this->modify($crew[0], intdiv($total, 5), $total, 3000 + $kib);
                    $this->settle($peer, $crew[0]);
                });
                $this->changes("million.modified.$kib", $limited, $total);
            }
            array_map(static fn (MemoryLimit $limit) => $limit->lift(), $this->limits);
            for ($round = 0; $round < ($this->options->quick ? 1 : self::COLLECTIONS); $round++) {
                $this->turns($peers, $round, function (Peer $peer, array $crew) use ($directories, $total, $round): void {
                    echo "   collecting: {$peer->label}\n";
                    $this->collect($peer, $crew[0], $directories[$peer->name], $total, $round);
                });
            }
        } finally {
            array_map($this->leave(...), $peers);
            array_map(static fn (MemoryLimit $limit) => $limit->remove(), $this->limits);
        }
        foreach ($directories as $directory) {
            // Gigabytes, not needed until the end of the run.
            Workspace::delete($directory);
        }
    }

    /** Has the memory of a peer limited later, if its own leaves any. */
    private function limit(Peer $peer): void
    {
        if ($peer->memory > 0) {
            return;
        }
        try {
            $this->limits[$peer->name] = MemoryLimit::around($this->crews[$peer->name][0]->id());
        } catch (\RuntimeException | \ErrorException $failure) {
            $this->results->notes[] = "{$peer->label}: not measured with less memory: {$failure->getMessage()}";
        }
    }

    /**
     * Rounds of changes at random.
     *
     * @param list<Peer> $peers
     */
    private function changes(string $row, array $peers, int $total): void
    {
        for ($round = 0; $round < $this->options->rounds * ($this->options->quick ? 1 : self::BLOCKS); $round++) {
            $this->turns($peers, $round, function (Peer $peer, array $crew) use ($row, $total, $round): void {
                $this->modify($crew[0], 200, $total, 1000 + $round);
                $us = $this->modify($crew[0], $this->options->quick ? 2_000 : self::CHANGES, $total, $round);
                $this->results->add($row, $peer, $us);
                $this->settle($peer, $crew[0]);
            });
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
        for ($turn = 0; $memory < ($now = self::own($worker)) || $turn === 0; $turn++) {
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
    private static function own(Worker $worker): int
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
