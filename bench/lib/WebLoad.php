<?php

declare(strict_types=1);

namespace Bench;

/**
 * The `fpm` suite: eight visitors, each with a session of 1 KiB that every request modifies, on php-fpm behind nginx.
 *
 * wrk sends each visitor's next request as soon as the last one is answered. wrk and nginx take nearly as much processor time as
 * php-fpm, and where all of them move about, the same pool serves 12 000 requests in one second and 20 000 in the next. So php-fpm
 * has one processor of its own, which it keeps busy, and requests a second tell what a request costs PHP.
 */
final class WebLoad extends Suite
{
    private const VISITORS = 8;
    /** Blocks of a second, wrk's shortest, in the place of one round of the other suites. */
    private const BLOCKS = 4;

    private WebServer $server;
    /** @var list<int> the processors of wrk and nginx */
    private array $others = [];
    /** @var array<string, list<string>> the ids of each peer's visitors */
    private array $visitors = [];

    /** @param list<Peer> $peers */
    public function run(array $peers): void
    {
        $needed = ['nginx' => Process::find('nginx'), 'wrk' => Process::find('wrk'), 'php-fpm' => $this->php->fpm];
        if ($missing = array_keys(array_filter($needed, static fn (?string $path) => $path === null))) {
            $note = 'the suite `fpm`: not installed (Debian packages: ' . implode(', ', $missing) . ')';
            $this->results->notes[] = $note;
            echo "skipped: $note\n";
            return;
        }
        $this->results->row('fpm.rps', 'php-fpm on one processor, behind nginx', 'requests/s');
        $this->results->row('fpm.cpu', "php-fpm on one processor, behind nginx: php-fpm's processor time", 'µs a request');
        $this->results->row('fpm.p50', 'php-fpm on one processor, behind nginx: p50', 'ms');
        $this->results->row('fpm.p99', 'php-fpm on one processor, behind nginx: p99', 'ms');

        $processors = Process::$processor === null ? Machine::processors() : [Process::$processor];
        $this->others = array_slice($processors, 0, -1) ?: $processors;
        $this->server = new WebServer($this->php, $this->workspace, array_slice($processors, -1), $this->others);
        foreach ($peers as $peer) {
            $this->step($peer, function () use ($peer): void {
                $this->server->startPool($peer);
                $this->crews[$peer->name] = [];
            });
        }
        $this->server->start();
        $served = [];
        $this->turns($peers, 0, function (Peer $peer) use (&$served): void {
            for ($visitor = 0; $visitor < self::VISITORS; $visitor++) {
                $this->visitors[$peer->name][] = $this->server->get($peer)[1] ?? throw new \RuntimeException('no session cookie was set');
            }
            $status = json_decode($this->server->get($peer, '?status')[0], true);
            if ($status !== null) {
                $this->workspace->ownsBuffer($status['buffer']['path']);
            }
            $served[$peer->name] = self::VISITORS + $this->load($peer)['requests'];
        });
        $rounds = $this->options->rounds * ($this->options->quick ? 1 : self::BLOCKS);
        for ($round = 0; $round < $rounds; $round++) {
            printf("   round %d of %d\n", $round + 1, $rounds);
            $this->turns($peers, $round, function (Peer $peer) use (&$served): void {
                $before = $this->server->processorTime($peer);
                $report = $this->load($peer);
                $used = $this->server->processorTime($peer) - $before;
                $this->settle($peer);
                $served[$peer->name] += $report['requests'];
                $this->results->add('fpm.rps', $peer, $report['requests'] / $report['us'] * 1e6);
                $this->results->add('fpm.cpu', $peer, $used / $report['requests'] * 1e6);
                $this->results->add('fpm.p50', $peer, $report['p50'] / 1000);
                $this->results->add('fpm.p99', $peer, $report['p99'] / 1000);
            });
        }
        $kept = array_values(array_filter($peers, static fn (Peer $peer) => !$peer->floor));
        $this->turns($kept, 0, fn (Peer $peer) => $this->check($peer, $served[$peer->name]));
        $this->server->stop();
    }

    protected function leave(Peer $peer): void
    {
        $this->server->stopPool($peer);
        parent::leave($peer);
    }

    /** @return array{requests: int, us: int, p50: int, p99: int} */
    private function load(Peer $peer): array
    {
        $count = (string) self::VISITORS;
        $printed = Process::output([
            ...Process::pinned($this->others), (string) Process::find('wrk'), '-t', $count, '-c', $count, '-d', '1s', '--timeout', '10s',
            '-s', dirname(__DIR__) . '/worker/load.lua', $this->server->address($peer), '--', ...$this->visitors[$peer->name],
        ]);
        if (!preg_match('/^\{"requests".*\}$/m', $printed, $line)) {
            throw new \RuntimeException("wrk gave no report: $printed");
        }
        $report = json_decode($line[0], true, flags: JSON_THROW_ON_ERROR);
        if ($report['failed'] > 0 || $report['requests'] === 0) {
            throw new \RuntimeException("{$report['failed']} of {$report['requests']} requests failed");
        }
        return $report;
    }

    protected function settle(Peer $peer, ?Worker $worker = null): void
    {
        $deadline = microtime(true) + 60;
        while ((json_decode($this->server->get($peer, '?status')[0], true)['buffer']['unflushed'] ?? 0) > 0) {
            if (microtime(true) > $deadline) {
                throw new \RuntimeException('sessions were not flushed within 60 seconds');
            }
            usleep(20_000);
        }
        parent::settle($peer);
    }

    /**
     * Every answered request must be in some visitor's counter. (wrk stops without waiting for the last answers, so the
     * counters may be ahead.)
     */
    private function check(Peer $peer, int $served): void
    {
        $counted = 0;
        foreach ($this->visitors[$peer->name] as $session) {
            $counted += (int) $this->server->get($peer, '?look', $session)[0];
        }
        if ($counted < $served) {
            throw new \RuntimeException("$served requests were answered, but the sessions count $counted");
        }
    }
}
