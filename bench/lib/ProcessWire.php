<?php

declare(strict_types=1);

namespace Bench;

/**
 * The `processwire` suite: administrators who are logged in at a ProcessWire site, with sessions of 13 KiB. A page view changes
 * clocks in them only; a log out destroys one, starts an empty one under its id, destroys that too, and ends with a guest's.
 */
final class ProcessWire extends Suite
{
    private const CASES = ['view' => 'page view', 'logout' => 'log out'];
    private const COUNTS = ['view' => 2_000, 'logout' => 200];
    private const COUNTED = ['view' => 50, 'logout' => 10];

    /** @param list<Peer> $peers */
    public function run(array $peers): void
    {
        foreach (self::CASES as $case => $label) {
            $this->results->row("processwire.$case", $label, 'µs');
            $this->results->row("processwire.$case.written", "written by a $label", 'rows');
            $this->results->row("processwire.$case.trips", "round trips of a $label", '');
        }
        foreach ($peers as $peer) {
            $this->step($peer, fn () => $this->enter($peer));
        }
        for ($round = 0; $round < $this->options->rounds; $round++) {
            $this->turns($peers, $round, fn (Peer $peer, array $crew) => $this->block($peer, $crew[0]));
        }
        foreach ($peers as $peer) {
            $this->leave($peer);
            if ($peer->port !== null) {
                $this->step($peer, fn () => $this->count($peer));
                $this->leave($peer);
            }
        }
    }

    private function block(Peer $peer, Worker $worker): void
    {
        $worker->ask(['do' => 'login', 'count' => 1 + self::COUNTS['logout']]);
        foreach (self::COUNTS as $case => $count) {
            $this->settle($peer, $worker);
            $before = $this->written($peer, $worker);
            $us = $worker->ask(['do' => $case, 'count' => $count])['us'];
            $this->settle($peer, $worker);
            $this->results->add("processwire.$case", $peer, $us);
            $this->results->add("processwire.$case.written", $peer, ($this->written($peer, $worker) - $before) / $count);
        }
        if (!$peer->floor) {
            $worker->ask(['do' => 'check']);
        }
    }

    /** Rows of MariaDB, sessions that went from rustdb's buffer to its disk, or writes to a file, so far. */
    private function written(Peer $peer, Worker $worker): int
    {
        if ($peer->port !== null) {
            return $this->servers->rowsWritten();
        }
        $status = $worker->ask(['do' => 'status']);
        return $status['rustdb']['flush']['sessions'] ?? $status['writes'];
    }

    /** The round trips, by another process and through a proxy; far enough away that a request can come before an answer. */
    private function count(Peer $peer): void
    {
        $proxy = new Proxy($this->php, $this->workspace, ($peer->port)(), Distance::EACH_WAY);
        $this->enter($peer->through($proxy->port), 1, "{$this->name}-counted");
        [$worker] = $this->crews[$peer->name];
        $worker->ask(['do' => 'login', 'count' => 1 + self::COUNTED['logout']]);
        foreach (self::COUNTED as $case => $count) {
            $before = $proxy->counters()['trips'];
            $worker->ask(['do' => $case, 'count' => $count]);
            $this->results->set("processwire.$case.trips", $peer, ($proxy->counters()['trips'] - $before) / $count);
        }
        $proxy->stop();
    }
}
