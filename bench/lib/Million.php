<?php

declare(strict_types=1);

namespace Bench;

/**
 * The `million` suite: a large number of sessions of 1 KiB on disk. Modified at random; a tenth of them expired and
 * collected; and the space they take.
 */
final class Million
{
    /** Each round of collection lets another one of so many groups expire. */
    private const GROUPS = 10;
    private const COLLECTIONS = 3;

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
        // Whole groups, so that each holds exactly a tenth.
        $total = max(self::GROUPS, intdiv($this->options->sessions, self::GROUPS) * self::GROUPS);
        $expiring = intdiv($total, self::GROUPS);
        $many = number_format($total, 0, '.', ' ');
        $this->results->row('million.fill', "$many sessions: created", 'µs');
        $this->results->row('million.modified', "$many sessions: modified at random", 'µs');
        $this->results->row('million.collect', "$many sessions: collecting " . number_format($expiring, 0, '.', ' ') . ' expired', 's');
        $this->results->row('million.disk', "$many sessions: disk per session", 'bytes');
        $this->results->row('million.memory', "$many sessions: own memory per session", 'bytes');

        $peers = array_values(array_filter($peers, static fn (Peer $peer) => $peer->storage === 'disk'));
        $workers = [];
        $directories = [];
        foreach ($peers as $peer) {
            $this->step($peer, $workers, function () use ($peer, &$workers, &$directories, $total): void {
                $directory = $directories[$peer->name] = $peer->directory($this->workspace, 'million');
                $before = Workspace::allocated($directory);
                $ini = $this->php->ini("$directory.ini", $peer->extensions, ($peer->settings)($directory));
                $worker = $workers[$peer->name] = new Worker($this->php, $ini, $directory);
                $worker->registerBuffer($this->workspace);
                echo "   creating $total sessions: {$peer->label}\n";
                $filled = $worker->ask(['do' => 'fill', 'from' => 0, 'to' => $total], 3600);
                $worker->ask(['do' => 'settle']);
                $this->results->add('million.fill', $peer, $filled['seconds'] / $total * 1e6);
                $this->results->set('million.disk', $peer, (Workspace::allocated($directory) - $before) / $total);
                $status = $worker->ask(['do' => 'status'])['rustdb'];
                $memory = $status === null ? 0 : Workspace::allocated($status['buffer']['path']);
                $this->results->set('million.memory', $peer, $memory / $total);
            });
        }
        // Dirty pages of the filling would otherwise be written back during what is measured next.
        Process::output(['sync', '-f', $this->workspace->disk]);

        for ($round = 0; $round < $this->options->rounds; $round++) {
            foreach (Cycles::shifted($peers, $round) as $peer) {
                $this->step($peer, $workers, function () use ($peer, $workers, $total, $round): void {
                    $command = ['do' => 'modify', 'total' => $total, 'groups' => self::GROUPS, 'first' => 0];
                    $workers[$peer->name]->ask($command + ['count' => 200, 'seed' => 1000 + $round]);
                    $modified = $workers[$peer->name]->ask($command + ['count' => $this->options->quick ? 2_000 : 20_000, 'seed' => $round], 600);
                    $this->results->add('million.modified', $peer, $modified['us']);
                    $workers[$peer->name]->ask(['do' => 'settle']);
                });
            }
        }
        for ($round = 0; $round < ($this->options->quick ? 1 : self::COLLECTIONS); $round++) {
            foreach (Cycles::shifted($peers, $round) as $peer) {
                $this->step($peer, $workers, function () use ($peer, $workers, $directories, $total, $round): void {
                    echo "   collecting: {$peer->label}\n";
                    $this->collect($peer, $workers[$peer->name], $directories[$peer->name], $total, $round);
                });
            }
        }
        array_map(static fn (Worker $worker) => $worker->stop(), $workers);
        foreach ($directories as $directory) {
            // Gigabytes, not needed until the end of the run.
            Workspace::delete($directory);
        }
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
        $worker->ask(['do' => 'modify', 'count' => 200, 'total' => $total, 'groups' => self::GROUPS, 'first' => $round + 1, 'seed' => 1], 60);
        $worker->ask(['do' => 'settle']);
    }

    /** @param array<string, Worker> $workers of the peers still taking part */
    private function step(Peer $peer, array &$workers, callable $step): void
    {
        static $failed = [];
        if (isset($failed[$peer->name])) {
            return;
        }
        if (!$this->results->attempt('million', $peer, $step)) {
            $failed[$peer->name] = true;
            if (isset($workers[$peer->name])) {
                $workers[$peer->name]->stop();
                unset($workers[$peer->name]);
            }
        }
    }
}
