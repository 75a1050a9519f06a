<?php

declare(strict_types=1);

namespace Bench;

/**
 * The `cli` suite: µs for session_start() and session_write_close(), for each case, size and number of processes.
 *
 * In every round every peer has its turn at every case, in an order that shifts from round to round. The `servers` suite
 * measures the same of one process and sessions of 1 KiB.
 */
final class Cycles extends Suite
{
    /** bytes of a session, and their label */
    private const SIZES = ['cli' => [1024 => '1 KiB', 65536 => '64 KiB'], 'servers' => [1024 => '1 KiB']];
    public const CASES = ['unchanged', 'modified', 'new'];
    /** processes at once, and their label */
    private const COUNTS = ['cli' => [1 => '1 process', 4 => '4 processes'], 'servers' => [1 => '1 process']];
    /** Bytes of new sessions in one block, all processes together: they fit into the default buffers and memories of all peers. */
    private const NEW_BYTES = 24 << 20;

    /** @param list<Peer> $peers */
    public function run(array $peers): void
    {
        [$sizes, $counts] = [self::SIZES[$this->name], self::COUNTS[$this->name]];
        foreach ($sizes as $size => $sizeLabel) {
            foreach ($counts as $count => $countLabel) {
                foreach (self::CASES as $case) {
                    $this->results->row("{$this->name}.$case.$size.$count", "$case, $sizeLabel, $countLabel", 'µs');
                }
            }
        }
        foreach ($peers as $peer) {
            $this->step($peer, function () use ($peer, $sizes, $counts): void {
                $this->enter($peer, max(array_keys($counts)));
                foreach (array_keys($sizes) as $size) {
                    Worker::askAll($this->crews[$peer->name], ['do' => 'prepare', 'size' => $size]);
                }
            });
        }
        foreach ($this->blocks(array_keys($sizes), array_keys($counts)) as [$round, $size, $count, $case]) {
            $this->turns($peers, $round, fn (Peer $peer, array $crew) => $this->block($peer, $crew, $case, $size, $count));
        }
        array_map($this->leave(...), $peers);
    }

    /**
     * @param list<int> $sizes
     * @param list<int> $counts
     * @return iterable<array{int, int, int, string}> round, size, number of processes, case
     */
    private function blocks(array $sizes, array $counts): iterable
    {
        for ($round = 0; $round < $this->options->rounds; $round++) {
            printf("   round %d of %d\n", $round + 1, $this->options->rounds);
            foreach ($sizes as $size) {
                foreach ($counts as $count) {
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
        $this->results->add("{$this->name}.$case.$size.$count", $peer, Statistics::median(array_column($answers, 'us')));
        $this->settle($peer, $working[0]);
        if ($case === 'new') {
            Worker::askAll($working, ['do' => 'sweep']);
            $this->settle($peer, $working[0]);
        }
    }
}
