<?php

declare(strict_types=1);

namespace Bench;

/**
 * What the command line and the environment ask for, parsed once.
 *
 * A run that is quick or partial writes elsewhere than a full one, so that it can never replace the published figures.
 */
final class Options
{
    public const SUITES = ['cli', 'contention', 'fpm', 'servers', 'processwire', 'million'];

    public const USAGE = <<<'TEXT'
        bench/run [--only=cli,contention,fpm,servers,processwire,million] [--peers=NAME,...] [--quick] [--output=DIRECTORY]

          --only      run these suites; results go to bench/results/partial unless --output is given
          --peers     measure these, by their names in results.json, with * and ?; where results go as with --only
          --quick     a few seconds a suite, to check that everything works; the figures mean little
          --output    where results.md, results.json and chart.svg are written (bench/results)

        Environment:
          BENCH_DIR        parent of the directory "on disk" (/var/tmp)
          BENCH_SESSIONS   sessions in the `million` suite (1000000; 20000 with --quick)
          BENCH_ROUNDS     interleaved rounds (7; 2 with --quick)
          BENCH_BLOCK_MS   length of one measured block of `cli` and `servers` (1100; 100 with --quick)
          BENCH_PROCESSOR  number of a processor on which all that is measured runs, servers too; for `servers` where
                           an idle processor wakes slowly, as in virtual machines
          BENCH_RUSTDB     the extension to measure (target/release/librustdb.so)
          PHP_CONFIG       the php-config of the PHP to measure
          PHP_FPM          the php-fpm binary, if it is not where Debian puts it
          BENCH_TRACE      print a stack trace when the benchmark fails

        TEXT;

    /**
     * @param list<string> $only
     * @param list<string> $peers patterns of names
     */
    private function __construct(
        public readonly array $only,
        public readonly array $peers,
        public readonly bool $quick,
        public readonly string $output,
        public readonly string $diskParent,
        public readonly int $sessions,
        public readonly int $rounds,
        /** Seconds of one measured block; longer than rustdb's flush interval, so that a block pays for its own flushes. */
        public readonly float $block,
        /** The one that all measured processes share, or null: the kernel decides. */
        public readonly ?int $processor,
        public readonly bool $help,
    ) {
    }

    /** @param list<string> $arguments */
    public static function parse(array $arguments): self
    {
        $only = self::SUITES;
        $peers = ['*'];
        $quick = $help = false;
        $output = null;
        foreach ($arguments as $argument) {
            [$name, $value] = explode('=', $argument, 2) + [1 => ''];
            switch ($name) {
                case '--only':
                    $only = explode(',', $value);
                    if ($unknown = array_diff($only, self::SUITES)) {
                        throw new \InvalidArgumentException('--only: no such suite: ' . implode(', ', $unknown));
                    }
                    break;
                case '--peers':
                    $peers = explode(',', $value);
                    break;
                case '--quick':
                    $quick = true;
                    break;
                case '--output':
                    $output = $value;
                    break;
                case '--help':
                    $help = true;
                    break;
                default:
                    throw new \InvalidArgumentException("no such option: $argument");
            }
        }
        $processor = (string) getenv('BENCH_PROCESSOR');
        if ($processor !== '' && !ctype_digit($processor)) {
            throw new \InvalidArgumentException("BENCH_PROCESSOR: the number of a processor, not \"$processor\"");
        }
        $processor = $processor === '' ? null : (int) $processor;
        $partial = $quick || $processor !== null || $peers !== ['*'] || count(array_unique($only)) < count(self::SUITES);
        return new self(
            $only,
            $peers,
            $quick,
            $output ?? dirname(__DIR__) . '/results' . ($partial ? '/partial' : ''),
            getenv('BENCH_DIR') ?: '/var/tmp',
            self::positive('BENCH_SESSIONS', $quick ? 20_000 : 1_000_000),
            self::positive('BENCH_ROUNDS', $quick ? 2 : 7),
            self::positive('BENCH_BLOCK_MS', $quick ? 100 : 1_100) / 1000,
            $processor,
            $help,
        );
    }

    /** @return array<string, mixed> what the results record about how they were measured */
    public function facts(): array
    {
        return [
            'suites' => $this->only,
            'quick' => $this->quick,
            'rounds' => $this->rounds,
            'block_ms' => (int) round($this->block * 1000),
            'sessions' => $this->sessions,
        ] + ($this->processor === null ? [] : ['processor' => $this->processor]);
    }

    private static function positive(string $name, int $default): int
    {
        $value = getenv($name);
        if ($value === false || $value === '') {
            return $default;
        }
        if (!ctype_digit($value) || (int) $value < 1) {
            throw new \InvalidArgumentException("$name: a positive whole number, not \"$value\"");
        }
        return (int) $value;
    }
}
