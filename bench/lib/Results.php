<?php

declare(strict_types=1);

namespace Bench;

/**
 * Everything that was measured: per row (what) and peer (who) the samples of the interleaved rounds.
 */
final class Results
{
    /** @var array<string, array{label: string, unit: string}> in the order they are reported */
    public array $rows = [];
    /** @var array<string, array<string, non-empty-list<float>>> samples by row and peer, one a round */
    public array $samples = [];
    /** @var array<string, array<string, float>> values that are no median of samples (a p99 of pooled samples) */
    private array $fixed = [];
    /** @var list<string> what was skipped or failed */
    public array $notes = [];
    /** @var array<string, array<string, string>> why a peer has no figures, by suite and peer */
    public array $failed = [];
    /** @var array<string, string> */
    public array $machine = [];
    /** @var array<string, mixed> */
    public array $settings = [];
    /** Seconds of an empty round trip through the proxy that stands for distance, if one was used. */
    public ?float $roundTrip = null;

    public function row(string $key, string $label, string $unit): void
    {
        $this->rows[$key] ??= ['label' => $label, 'unit' => $unit];
    }

    public function add(string $row, Peer $peer, float $sample): void
    {
        $this->samples[$row][$peer->name][] = $sample;
    }

    public function set(string $row, Peer $peer, float $value): void
    {
        $this->fixed[$row][$peer->name] = $value;
    }

    public function value(string $row, string $peer): ?float
    {
        if (isset($this->fixed[$row][$peer])) {
            return $this->fixed[$row][$peer];
        }
        $samples = $this->samples[$row][$peer] ?? [];
        return $samples === [] ? null : Statistics::median($samples);
    }

    /**
     * How one peer compares with another in this run: the median of the ratios of each round, since both members of a
     * round met the same state of the machine; the ratio of the values where there are no rounds to pair.
     */
    public function ratio(string $row, string $peer, string $base): ?float
    {
        $ratios = $this->ratios($row, $peer, $base);
        if ($ratios !== []) {
            return Statistics::median($ratios);
        }
        $ours = $this->value($row, $peer);
        $theirs = $this->value($row, $base);
        return $ours === null || !$theirs ? null : $ours / $theirs;
    }

    /** @return list<float> of each round; nothing where there are no rounds to pair */
    public function ratios(string $row, string $peer, string $base): array
    {
        $ours = $this->samples[$row][$peer] ?? [];
        $theirs = $this->samples[$row][$base] ?? [];
        if (count($ours) !== count($theirs) || isset($this->fixed[$row][$peer])) {
            return [];
        }
        return array_map(static fn (float $one, float $other) => $one / $other, $ours, $theirs);
    }

    /**
     * Runs one step of a suite for one peer. A peer that fails leaves the suite with a note and without figures there:
     * what it measured before would no longer pair up with the others' rounds.
     */
    public function attempt(string $suite, Peer $peer, callable $step): bool
    {
        try {
            $step();
            return true;
        } catch (Interrupted $interrupted) {
            throw $interrupted;
        } catch (\Exception $failure) {
            if (getenv('BENCH_TRACE')) {
                fwrite(STDERR, $failure . "\n");
            }
            $this->failed[$suite][$peer->name] = $failure->getMessage();
            $note = "{$peer->label}: failed in the suite `$suite`: " . $failure->getMessage();
            $this->notes[] = $note;
            fwrite(STDERR, "$note\n");
        }
        foreach (array_keys($this->rows) as $row) {
            if (str_starts_with($row, "$suite.")) {
                unset($this->samples[$row][$peer->name], $this->fixed[$row][$peer->name]);
            }
        }
        return false;
    }

    /**
     * @param list<Peer> $peers
     * @param list<array<string, mixed>> $goals
     */
    public function json(array $peers, array $goals): string
    {
        $measured = [];
        foreach ($this->rows as $row => $description) {
            $values = [];
            foreach ($peers as $peer) {
                if (($value = $this->value($row, $peer->name)) !== null) {
                    $values[$peer->name] = ['value' => round($value, 4)];
                    if (isset($this->samples[$row][$peer->name])) {
                        $values[$peer->name]['rounds'] = array_map(static fn (float $sample) => round($sample, 4), $this->samples[$row][$peer->name]);
                    }
                }
            }
            $measured[$row] = $description + ['peers' => $values];
        }
        return json_encode([
            'format' => 1,
            'machine' => $this->machine,
            'settings' => $this->settings + ($this->roundTrip === null ? [] : ['far_round_trip_ms' => round($this->roundTrip * 1000, 3)]),
            'peers' => array_map(static fn (Peer $peer) => ['name' => $peer->name, 'label' => $peer->label, 'locks' => $peer->locks], $peers),
            'measured' => $measured,
            'goals' => $goals,
            'notes' => $this->notes,
        ], JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR) . "\n";
    }
}
