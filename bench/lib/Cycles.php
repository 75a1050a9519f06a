<?php

declare(strict_types=1);

namespace Bench;

/**
 * The `cli` suite: µs for session_start() and session_write_close(), for each case, size and number of processes.
 *
 * In every round every peer has its turn at every case, in an order that shifts from round to round. The `servers` suite
 * measures the same of one process and sessions of 1 KiB.
 */
final class Cycles
{
    private const SIZES = [1024 => '1 KiB', 65536 => '64 KiB'];
    public const CASES = ['unchanged', 'modified', 'new'];
    private const CREWS = [1 => '1 process', 4 => '4 processes'];
    /** Bytes of new sessions in one block, all processes together: they fit into the default buffers and memories of all peers. */
    private const NEW_BYTES = 24 << 20;

    public function __construct(
        private readonly Php $php,
        private readonly Workspace $workspace,
        private readonly Results $results,
        private readonly Options $options,
        private readonly string $suite = 'cli',
        /** @var array<int, string> bytes of a session, and their label */
        private readonly array $sizes = self::SIZES,
        /** @var array<int, string> processes at once, and their label */
        private readonly array $crews = self::CREWS,
    ) {
    }

    /** @param list<Peer> $peers */
    public function run(array $peers): void
    {
        foreach ($this->sizes as $size => $sizeLabel) {
            foreach ($this->crews as $crew => $crewLabel) {
                foreach (self::CASES as $case) {
                    $this->results->row("{$this->suite}.$case.$size.$crew", "$case, $sizeLabel, $crewLabel", 'µs');
                }
            }
        }
        $crews = [];
        $attempt = function (Peer $peer, callable $step) use (&$crews): void {
            if (!$this->results->attempt($this->suite, $peer, $step)) {
                array_map(static fn (Worker $worker) => $worker->stop(), $crews[$peer->name] ?? []);
                unset($crews[$peer->name]);
            }
        };
        foreach ($peers as $peer) {
            $attempt($peer, function () use ($peer, &$crews): void {
                $crew = $crews[$peer->name] = Worker::crew(max(array_keys($this->crews)), $peer, $this->php, $this->workspace, $this->suite);
                foreach (array_keys($this->sizes) as $size) {
                    Worker::askAll($crew, ['do' => 'prepare', 'size' => $size]);
                }
                $crew[0]->registerBuffer($this->workspace);
            });
        }
        foreach ($this->turns() as [$round, $size, $count, $case]) {
            foreach (self::shifted($peers, $round) as $peer) {
                if (isset($crews[$peer->name])) {
                    $attempt($peer, fn () => $this->block($peer, $crews[$peer->name], $case, $size, $count));
                }
            }
        }
        foreach ($crews as $crew) {
            array_map(static fn (Worker $worker) => $worker->stop(), $crew);
        }
    }

    /** @return iterable<array{int, int, int, string}> round, size, number of processes, case */
    private function turns(): iterable
    {
        for ($round = 0; $round < $this->options->rounds; $round++) {
            printf("   round %d of %d\n", $round + 1, $this->options->rounds);
            foreach (array_keys($this->sizes) as $size) {
                foreach (array_keys($this->crews) as $count) {
                    foreach (self::CASES as $case) {
                        yield [$round, $size, $count, $case];
                    }
                }
            }
        }
    }

    /** @param list<Worker> $crew */
    private function block(Peer $peer, array $crew, string $case, int $size, int $count): void
    {
        $working = array_slice($crew, 0, $count);
        $answers = Worker::askAll($working, [
            'do' => 'cycle',
            'case' => $case,
            'size' => $size,
            'start' => hrtime(true) + 30_000_000,
            'seconds' => $this->options->block,
            'limit' => $case === 'new' ? intdiv(self::NEW_BYTES, $size * $count) : PHP_INT_MAX,
        ]);
        $this->results->add("{$this->suite}.$case.$size.$count", $peer, Statistics::median(array_column($answers, 'us')));
        $this->settle($peer, $working[0]);
        if ($case === 'new') {
            Worker::askAll($working, ['do' => 'sweep']);
            $this->settle($peer, $working[0]);
        }
    }

    /** Waits for what a peer put off (a flush, the file system's journal), so that it is not charged to the next one. */
    private function settle(Peer $peer, Worker $worker): void
    {
        $worker->ask(['do' => 'settle']);
        if ($peer->storage === 'disk') {
            Process::output(['sync', '-f', $this->workspace->disk]);
        }
    }

    /**
     * The order of one round: everybody starts first once in a while.
     *
     * @param list<Peer> $peers
     * @return list<Peer>
     */
    public static function shifted(array $peers, int $by): array
    {
        $by %= max(1, count($peers));
        return [...array_slice($peers, $by), ...array_slice($peers, 0, $by)];
    }
}
