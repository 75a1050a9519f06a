<?php

declare(strict_types=1);

namespace Bench;

/**
 * The `fpm` suite: eight visitors, each with a session of 1 KiB that every request modifies, on php-fpm behind nginx.
 *
 * wrk sends each visitor's next request as soon as the last one is answered.
 */
final class WebLoad
{
    private const VISITORS = 8;

    public function __construct(
        private readonly Php $php,
        private readonly Workspace $workspace,
        private readonly Results $results,
        private readonly Options $options,
    ) {
    }

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
        $this->results->row('fpm.rps', 'php-fpm behind nginx', 'requests/s');
        $this->results->row('fpm.p50', 'php-fpm behind nginx, p50', 'ms');
        $this->results->row('fpm.p99', 'php-fpm behind nginx, p99', 'ms');

        $server = new WebServer($this->php, $this->workspace);
        $visitors = $served = [];
        foreach ($peers as $peer) {
            $this->results->attempt('fpm', $peer, static function () use ($server, $peer, &$visitors): void {
                $server->startPool($peer);
                $visitors[$peer->name] = [];
            });
        }
        $server->start();
        foreach ($peers as $peer) {
            $this->attempt($server, $peer, $visitors, function () use ($server, $peer, &$visitors, &$served): void {
                for ($visitor = 0; $visitor < self::VISITORS; $visitor++) {
                    $visitors[$peer->name][] = $server->get($peer)[1] ?? throw new \RuntimeException('no session cookie was set');
                }
                $status = json_decode($server->get($peer, '?status')[0], true);
                if ($status !== null) {
                    $this->workspace->ownsBuffer($status['buffer']['path']);
                }
                $served[$peer->name] = self::VISITORS + $this->load($server, $peer, $visitors[$peer->name], $this->options->quick ? 1 : 2)['requests'];
            });
        }
        for ($round = 0; $round < $this->options->rounds; $round++) {
            printf("   round %d of %d\n", $round + 1, $this->options->rounds);
            foreach (Cycles::shifted($peers, $round) as $peer) {
                $this->attempt($server, $peer, $visitors, function () use ($server, $peer, $visitors, &$served): void {
                    $report = $this->load($server, $peer, $visitors[$peer->name], $this->options->quick ? 1 : 5);
                    $this->settle($server, $peer);
                    $served[$peer->name] += $report['requests'];
                    $this->results->add('fpm.rps', $peer, $report['requests'] / $report['us'] * 1e6);
                    $this->results->add('fpm.p50', $peer, $report['p50'] / 1000);
                    $this->results->add('fpm.p99', $peer, $report['p99'] / 1000);
                });
            }
        }
        foreach ($peers as $peer) {
            if (!$peer->floor) {
                $this->attempt($server, $peer, $visitors, fn () => self::check($server, $peer, $visitors[$peer->name], $served[$peer->name]));
            }
        }
        $server->stop();
    }

    /** @param array<string, list<string>> $visitors of the peers still taking part */
    private function attempt(WebServer $server, Peer $peer, array &$visitors, callable $step): void
    {
        if (isset($visitors[$peer->name]) && !$this->results->attempt('fpm', $peer, $step)) {
            $server->stopPool($peer);
            unset($visitors[$peer->name]);
        }
    }

    /**
     * @param list<string> $visitors
     * @return array{requests: int, us: int, p50: int, p99: int}
     */
    private function load(WebServer $server, Peer $peer, array $visitors, int $seconds): array
    {
        $count = (string) self::VISITORS;
        $printed = Process::output([
            (string) Process::find('wrk'), '-t', $count, '-c', $count, '-d', "{$seconds}s", '--timeout', '10s',
            '-s', dirname(__DIR__) . '/worker/load.lua', $server->address($peer), '--', ...$visitors,
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

    /** As in the `cli` suite: what a peer put off is not charged to the next one. */
    private function settle(WebServer $server, Peer $peer): void
    {
        $deadline = microtime(true) + 60;
        while ((json_decode($server->get($peer, '?status')[0], true)['buffer']['unflushed'] ?? 0) > 0) {
            if (microtime(true) > $deadline) {
                throw new \RuntimeException('sessions were not flushed within 60 seconds');
            }
            usleep(20_000);
        }
        if ($peer->storage === 'disk') {
            Process::output(['sync', '-f', $this->workspace->disk]);
        }
    }

    /**
     * Every answered request must be in some visitor's counter. (wrk stops without waiting for the last answers, so the
     * counters may be ahead.)
     *
     * @param list<string> $visitors
     */
    private static function check(WebServer $server, Peer $peer, array $visitors, int $served): void
    {
        $counted = 0;
        foreach ($visitors as $session) {
            $counted += (int) $server->get($peer, '?look', $session)[0];
        }
        if ($counted < $served) {
            throw new \RuntimeException("$served requests were answered, but the sessions count $counted");
        }
    }
}
