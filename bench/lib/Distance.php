<?php

declare(strict_types=1);

namespace Bench;

/**
 * The second half of the `servers` suite: the same handlers by TCP, with a server that a round trip takes a millisecond longer to
 * reach, and what each request sends there: round trips, and bytes both ways.
 *
 * The server is on this machine, behind a proxy. Where distance rules, many cycles tell no more than a few.
 */
final class Distance extends Suite
{
    public const EACH_WAY = 0.0005;
    private const SIZE = 1024;
    private const CYCLES = 64;
    private const CYCLES_QUICK = 16;
    private const WARM_UP = 8;

    /** @param list<Peer> $peers */
    public function run(array $peers): void
    {
        $peers = array_values(array_filter($peers, static fn (Peer $peer) => $peer->port !== null));
        if ($peers === []) {
            return;
        }
        foreach (['trips' => ['round trips', ''], 'bytes' => ['bytes both ways', 'bytes'], 'ms' => ['with 1 ms of network', 'ms']] as $what => [$label, $unit]) {
            foreach (Cycles::CASES as $case) {
                $this->results->row("distance.$what.$case", "$case, $label", $unit);
            }
        }
        $this->results->roundTrip = Proxy::roundTrip($this->php, $this->workspace, self::EACH_WAY);

        $proxies = $in = [];
        foreach ($peers as $peer) {
            $this->step($peer, function () use ($peer, &$proxies, &$in): void {
                $server = ($peer->port)();
                $in[$peer->name] = $proxies[$server] ??= new Proxy($this->php, $this->workspace, $server, self::EACH_WAY);
                $this->enter($peer->through($in[$peer->name]->port));
                $this->crews[$peer->name][0]->ask(['do' => 'prepare', 'size' => self::SIZE]);
            });
        }
        for ($round = 0; $round < $this->options->rounds; $round++) {
            printf("   far away, round %d of %d\n", $round + 1, $this->options->rounds);
            foreach (Cycles::CASES as $case) {
                $this->turns($peers, $round, fn (Peer $peer, array $crew) => $this->block($peer, $crew[0], $in[$peer->name], $case));
            }
        }
        array_map($this->leave(...), $peers);
        array_map(static fn (Proxy $proxy) => $proxy->stop(), $proxies);
    }

    private function block(Peer $peer, Worker $worker, Proxy $proxy, string $case): void
    {
        $count = $this->options->quick ? self::CYCLES_QUICK : self::CYCLES;
        $cycles = ['do' => 'exactly', 'case' => $case, 'size' => self::SIZE];
        $worker->ask([...$cycles, 'count' => self::WARM_UP]);
        $before = $proxy->counters();
        $us = $worker->ask([...$cycles, 'count' => $count])['us'];
        $after = $proxy->counters();
        $this->results->add("distance.ms.$case", $peer, $us / 1000);
        foreach (['trips', 'bytes'] as $what) {
            $this->results->add("distance.$what.$case", $peer, ($after[$what] - $before[$what]) / $count);
        }
        $worker->ask(['do' => 'settle']);
    }
}
