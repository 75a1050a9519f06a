<?php

declare(strict_types=1);

namespace Bench;

/**
 * The report people read: a table with a row for each thing measured and a column for each handler, those with a row for each
 * handler (ServerTable, HandlerTable), and what they rest on.
 */
final class Markdown
{
    /**
     * @param list<Peer> $peers
     * @param list<array<string, mixed>> $goals
     */
    public function __construct(private readonly Results $results, private readonly array $peers, private readonly array $goals)
    {
    }

    public function render(): string
    {
        return implode("\n\n", [
            '# Measured side by side in one run',
            $this->circumstances(),
            ...array_filter([
                $this->table(),
                (new ServerTable($this->results, $this->peers, $this->goals))->render(),
                ...array_map((new HandlerTable($this->results, $this->peers, $this->goals))->suite(...), array_keys(HandlerTable::SUITES)),
            ]),
            $this->method(),
            $this->notes(),
        ]) . "\n";
    }

    private function circumstances(): string
    {
        $machine = $this->results->machine;
        $parts = [
            "{$machine['processor']}, {$machine['processors']} processors, {$machine['memory']}",
            $machine['system'],
            $machine['kernel'],
            "PHP {$machine['php']}",
            "disk {$machine['disk']}",
        ];
        foreach (['redis' => 'Redis', 'phpredis' => 'phpredis', 'memcached' => 'memcached', 'php-memcached' => 'php-memcached', 'mariadb' => 'MariaDB', 'symfony' => 'Symfony', 'illuminate' => 'Illuminate'] as $key => $name) {
            if (isset($machine[$key])) {
                $parts[] = "$name {$machine[$key]}";
            }
        }
        $quick = $this->results->settings['quick'] ? "\n\n**A quick run: it shows that the benchmark works, the figures mean little.**" : '';
        return implode(' · ', $parts) . $quick;
    }

    private function table(): string
    {
        $rows = array_filter($this->results->rows, static fn (string $row) => !ServerTable::shows($row) && !HandlerTable::shows($row), ARRAY_FILTER_USE_KEY);
        if ($rows === []) {
            return '';
        }
        $peers = array_values(array_filter($this->peers, fn (Peer $peer) => $this->measured($peer, array_keys($rows))));
        $head = ['', 'unit', ...array_map(static fn (Peer $peer) => $peer->label, $peers), 'rustdb ÷ files on disk', 'goal for rustdb'];
        $lines = [
            '| ' . implode(' | ', $head) . ' |',
            '|---|---|' . str_repeat('--:|', count($peers) + 1) . '---|',
        ];
        foreach ($rows as $row => $description) {
            $cells = [$description['label'], $description['unit']];
            foreach ($peers as $peer) {
                $value = $this->results->value($row, $peer->name);
                $text = $value === null ? '–' : Statistics::readable($value);
                $cells[] = str_starts_with($peer->name, 'rustdb') && $value !== null ? "**$text**" : $text;
            }
            $ratio = $this->results->ratio($row, 'rustdb', 'files-disk');
            $cells[] = $ratio === null ? '' : sprintf('%.2f', $ratio);
            $cells[] = implode('; ', array_map($this->verdict(...), array_filter($this->goals, static fn (array $goal) => $goal['row'] === $row)));
            $lines[] = '| ' . implode(' | ', $cells) . ' |';
        }
        return implode("\n", $lines);
    }

    /** @param list<string> $rows */
    private function measured(Peer $peer, array $rows): bool
    {
        foreach ($rows as $row) {
            if ($this->results->value($row, $peer->name) !== null) {
                return true;
            }
        }
        return false;
    }

    /** @param array<string, mixed> $goal */
    private function verdict(array $goal): string
    {
        $verdict = $goal['met'] ? 'met' : '**not met**';
        if ($goal['base'] === null) {
            return sprintf('%s %s %s: %s', $goal['relation'], $goal['limit'], $this->results->rows[$goal['row']]['unit'], $verdict);
        }
        $ours = $goal['ours'] === 'rustdb' ? '' : $this->label($goal['ours']) . ' ';
        $base = $this->label($goal['base']);
        return sprintf('%s%s %s × %s: %s (%s)', $ours, $goal['relation'], $goal['limit'], $base, $verdict, Goals::reached($goal));
    }

    private function label(string $name): string
    {
        foreach ($this->peers as $peer) {
            if ($peer->name === $name) {
                return $peer->label;
            }
        }
        return $name;
    }

    private function method(): string
    {
        $settings = $this->results->settings;
        $sentences = [
            'µs are for one `session_start()` and `session_write_close()`, as one process sees them.',
            "Every peer had its turn in each of {$settings['rounds']} interleaved rounds; shown are medians, and medians of the ratios of each round, with the two ratios between which the middle half of them lies.",
            "Blocks last {$settings['block_ms']} ms after a warm-up, so that rustdb's flushes to disk, once a second, are part of what is measured; blocks of new sessions end earlier, with 24 MiB of them.",
            '`session.use_strict_mode=1`, `session.lazy_write=1`, no garbage collection by chance, connections to servers are persistent, lock settings of the packages, Redis without persistence.',
            '“PHP alone” is a native handler that does nothing: the floor.',
            'Lock: from the call of `session_write_close()` to the return of a waiting `session_start()`; php-memcached and phpredis look again at fixed intervals.',
            'php-fpm: 4 workers on one processor, nginx and wrk on the others, 8 visitors with a session of their own, each request modifies it; blocks of one second. Its processor time has nothing of what servers and the kernel\'s own threads do.',
            'ProcessWire: “rows” are those of MariaDB, sessions brought from rustdb\'s buffer to its disk, or writes to a file.',
            ...ServerTable::method($this->results),
            'Own memory is what the handler itself allocates, not the kernel\'s cache of files; disk is what `du` counts, without inodes.',
        ];
        if (isset($settings['processor'])) {
            $sentences[] = 'All that was measured, servers too, ran on one processor.';
        }
        return implode("\n", array_map(static fn (string $sentence) => "- $sentence", $sentences));
    }

    private function notes(): string
    {
        return $this->results->notes === []
            ? 'Nothing was skipped.'
            : "Skipped or failed:\n\n" . implode("\n", array_map(static fn (string $note) => "- $note", $this->results->notes));
    }
}
