<?php

declare(strict_types=1);

namespace Bench;

/**
 * The `contention` suite: how long a free session stays unused although somebody waits for it.
 *
 * One process holds the session, four queue for it, and each of them lets go after a few milliseconds. A delay is the time
 * from the moment one calls session_write_close() until the next returns from session_start(). How long each holds
 * it is random, the same for all peers: handlers that look again at fixed intervals would otherwise meet, or miss, every release.
 */
final class Contention extends Suite
{
    private const WAITERS = 4;
    private const SIZE = 1024;
    /** µs the holder waits for the others to arrive, and each of the others has the session */
    private const HELD_FIRST = [20_000, 60_000];
    private const HELD = [1_000, 9_000];

    /** @param list<Peer> $peers */
    public function run(array $peers): void
    {
        $this->results->row('contention.median', 'lock handed to one of 4 waiters, median', 'ms');
        $this->results->row('contention.p99', 'lock handed to one of 4 waiters, p99', 'ms');

        $peers = array_values(array_filter($peers, static fn (Peer $peer) => $peer->locks && !$peer->floor));
        foreach ($peers as $peer) {
            $this->step($peer, fn () => $this->enter($peer, 1 + self::WAITERS));
        }
        $delays = [];
        $trials = $this->options->quick ? 5 : max(50, 10 * $this->options->rounds);
        for ($trial = 0; $trial < $trials; $trial++) {
            $this->turns($peers, $trial, function (Peer $peer, array $crew) use ($trial, &$delays): void {
                $delays[$peer->name] = [...$delays[$peer->name] ?? [], ...$this->trial($crew, $trial)];
            });
        }
        foreach ($peers as $peer) {
            if (isset($this->crews[$peer->name])) {
                $this->results->set('contention.median', $peer, Statistics::median($delays[$peer->name]));
                $this->results->set('contention.p99', $peer, Statistics::percentile($delays[$peer->name], 99));
                $this->leave($peer);
            }
        }
    }

    /**
     * @param list<Worker> $crew
     * @return list<float> the delays in ms, one for each waiter
     */
    private function trial(array $crew, int $trial): array
    {
        mt_srand($trial);
        [$holder, $waiters] = [$crew[0], array_slice($crew, 1)];
        $id = $holder->ask(['do' => 'hold', 'id' => '', 'size' => self::SIZE])['id'];
        // A new session is written once before anybody else asks for it: strict mode would give them other ids.
        $holder->ask(['do' => 'release', 'us' => 0]);
        $holder->ask(['do' => 'hold', 'id' => $id, 'size' => self::SIZE]);
        foreach ($waiters as $waiter) {
            $waiter->tell(['do' => 'queue', 'id' => $id, 'us' => mt_rand(...self::HELD)]);
        }
        foreach ($waiters as $waiter) {
            $waiter->answer();
        }
        $released = [$holder->ask(['do' => 'release', 'us' => mt_rand(...self::HELD_FIRST)])['released']];
        $acquired = [];
        foreach ($waiters as $waiter) {
            $times = $waiter->answer();
            $acquired[] = $times['acquired'];
            $released[] = $times['released'];
        }
        $count = $holder->ask(['do' => 'count', 'id' => $id])['count'];
        if ($count !== 2 + self::WAITERS) {
            throw new \RuntimeException(sprintf('the session counts %d of %d changes: it was open twice at once', $count, 2 + self::WAITERS));
        }
        sort($acquired);
        sort($released);
        // The lock excludes, so the n-th to get the session got it from the n-th who let it go.
        return array_map(static fn (int $got, int $free) => ($got - $free) / 1e6, $acquired, array_slice($released, 0, self::WAITERS));
    }
}
